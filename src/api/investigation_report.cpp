#include "api/investigation_report.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <simdjson.h>

#include <algorithm>
#include <map>
#include <set>

#include "api/call.h"

namespace picket::api {

namespace {

constexpr std::size_t findings_max = 50, timeline_max = 60, entities_max = 12, named_max = 5;
constexpr TimeMs margin = day_ms, account_span = 7 * day_ms;
constexpr int likely_min = 4, possible_min = 1;

// A finding's document.
class Document {
 public:
  explicit Document(const Finding& finding) : finding_(finding) {
    if (parser_.parse(finding.document).get(root_) != simdjson::SUCCESS) root_ = {};
    readable_ = root_.is_object();
    std::string_view value;
    if (readable_ && root_.at_pointer("/service/additionalInfo/value").get(value) == simdjson::SUCCESS &&
        inner_.parse(value.data(), value.size()).get(info_) != simdjson::SUCCESS)
      info_ = {};
  }
  const Finding& finding() const { return finding_; }
  std::string text(std::string_view pointer) const {
    std::string_view value;
    if (!readable_ || root_.at_pointer(pointer).get(value) != simdjson::SUCCESS) return {};
    return std::string(value);
  }
  bool flag(std::string_view pointer) const {
    bool value = false;
    return readable_ && root_.at_pointer(pointer).get(value) == simdjson::SUCCESS && value;
  }
  bool has(std::string_view pointer) const {
    return readable_ && root_.at_pointer(pointer).error() == simdjson::SUCCESS;
  }

 private:
  const Finding& finding_;
  simdjson::dom::parser parser_, inner_;
  simdjson::dom::element root_, info_;
  bool readable_ = false;
};

std::string source_of(const EntityPage& page) {
  return fmt::format("{}/{}", name_of(page.data.kind), page.data.name);
}
std::string source_of(const Finding& finding) { return "finding/" + finding.id; }

std::string listed(std::vector<std::string> names) {
  const std::size_t total = names.size();
  if (total > named_max) names.resize(named_max);
  std::string out = fmt::format("{}", fmt::join(names, ", "));
  if (total > named_max) out += fmt::format(" and {} more", total - named_max);
  return out;
}

// Values of a facet within the time, new ones or those known before.
std::vector<std::string> values_of(const EntityPage& page, Facet facet, bool news) {
  std::vector<std::string> out;
  for (const Entities::Value& value : page.data.values)
    if (value.facet == facet && !value.text.empty() && page.news(value) == news) out.push_back(value.text);
  return out;
}

struct Sums {
  std::uint64_t count = 0, failed = 0;
};
Sums calls_of(const EntityPage& page) {
  Sums sums;
  for (const Entities::Value& value : page.data.values) {
    if (value.facet != Facet::call) continue;
    sums.count += value.count;
    sums.failed += value.failed;
  }
  return sums;
}

// Whether it may stand in a command that people copy.
bool is_plain(std::string_view text) {
  static const re2::RE2 plain(R"([A-Za-z0-9+=,.@_:/-]{1,200})");
  return re2::RE2::FullMatch(text, plain) && !text.starts_with('-');
}
std::string in_command(std::string_view text, std::string_view otherwise) {
  return is_plain(text) ? std::string(text) : std::string(otherwise);
}

std::string_view purpose_of(std::string_view type) { return type.substr(0, type.find(':')); }

// What all hypotheses are judged by.
struct Case {
  std::vector<std::unique_ptr<Document>> documents;  // the one it is about first
  std::vector<EntityPage> pages;
  bool threat_listed = false;
  std::string threat_source, threat_text;

  const EntityPage* page(EntityKind kind) const {
    const auto at = std::ranges::find(pages, kind, [](const EntityPage& page) { return page.data.kind; });
    return at == pages.end() ? nullptr : &*at;
  }
  std::vector<const Document*> of_purposes(std::initializer_list<std::string_view> purposes,
                                           std::string_view resource) const {
    std::vector<const Document*> out;
    for (const auto& one : documents) {
      const std::string& type = one->finding().type;
      if (std::ranges::find(purposes, purpose_of(type)) == purposes.end()) continue;
      if (resource.empty() || type.contains(resource)) out.push_back(one.get());
    }
    return out;
  }
};

void add_types(Hypothesis& to, const std::vector<const Document*>& found, std::string_view what) {
  std::set<std::string> types;
  for (const Document* one : found) types.insert(one->finding().type);
  if (types.empty()) return;
  to.supporting.push_back({fmt::format("{}: {}", what, listed({types.begin(), types.end()})),
                           source_of(found.front()->finding()), 2});
}

void add_threat(const Case& about, std::vector<ReportEvidence>& to) {
  if (about.threat_listed) to.push_back({about.threat_text, about.threat_source, 2});
}

// New for it, or known before.
void compare(const EntityPage& page, Facet facet, std::string_view what, int weight,
             std::vector<ReportEvidence>& when_new, std::vector<ReportEvidence>& when_known) {
  if (page.is_new) return;
  const auto news = values_of(page, facet, true), known = values_of(page, facet, false);
  if (!news.empty())
    when_new.push_back(
        {fmt::format("{} new for {}: {}", what, page.data.name, listed(news)), source_of(page), weight});
  if (!known.empty() && news.empty())
    when_known.push_back({fmt::format("only {} that {} used before: {}", what, page.data.name, listed(known)),
                          source_of(page), weight});
}

// Who used the credentials: somebody else, their owner, or a program of the owner's.
std::vector<Hypothesis> about_identity(const Case& about, const EntityPage& who) {
  Hypothesis stolen{
      "stolen_credentials", fmt::format("Somebody else uses the credentials of {}.", who.data.name), {}, {}};
  Hypothesis self{
      "own_action", fmt::format("{} did this itself, on purpose or by mistake.", who.data.name), {}, {}};
  Hypothesis job{"automation", fmt::format("A job or deployment of {} has changed.", who.data.name), {}, {}};
  add_types(stolen,
            about.of_purposes({"UnauthorizedAccess", "CredentialAccess", "InitialAccess", "PenTest"}, ""),
            "findings of such use");
  add_threat(about, stolen.supporting);
  add_threat(about, self.against);
  add_threat(about, job.against);
  compare(who, Facet::network, "networks", 2, stolen.supporting, stolen.against);
  compare(who, Facet::country, "countries", 1, stolen.supporting, stolen.against);
  compare(who, Facet::client, "clients", 1, stolen.supporting, stolen.against);
  compare(who, Facet::network, "networks", 2, self.against, self.supporting);
  compare(who, Facet::client, "clients", 1, self.against, self.supporting);
  compare(who, Facet::network, "networks", 1, job.against, job.supporting);
  const auto new_calls = values_of(who, Facet::call, true);
  constexpr std::size_t many_new_calls = 3;
  if (new_calls.size() >= many_new_calls) {
    stolen.supporting.push_back(
        {fmt::format("calls that it never made before: {}", listed(new_calls)), source_of(who), 1});
  } else if (!who.is_new && new_calls.empty()) {
    stolen.against.push_back({"it made only calls that it made before", source_of(who), 1});
    self.supporting.push_back({"it made only calls that it made before", source_of(who), 1});
  }
  if (who.is_new)
    stolen.supporting.push_back(
        {fmt::format("it was never seen before {}", format_time_seconds(who.data.first)), source_of(who), 1});
  for (const auto& one : about.documents) {
    if (!one->finding().type.starts_with("AttackSequence:")) continue;
    const ReportEvidence chain{"what was done forms an attack sequence: " + one->finding().type,
                               source_of(one->finding()), 3};
    stolen.supporting.push_back(chain);
    self.against.push_back(chain);
    job.against.push_back(chain);
    break;
  }
  const Sums calls = calls_of(who);
  constexpr std::uint64_t refused_min = 5, refused_one_in = 5;
  if (calls.failed >= refused_min && calls.failed * refused_one_in >= calls.count) {
    stolen.supporting.push_back({fmt::format("{} of its {} calls were refused or failed: somebody tries out "
                                             "what they may do",
                                             calls.failed, calls.count),
                                 source_of(who), 2});
    job.against.push_back(
        {fmt::format("{} of its {} calls were refused or failed", calls.failed, calls.count), source_of(who),
         1});
  } else if (calls.count > 0 && calls.failed == 0) {
    stolen.against.push_back({"none of its calls was refused", source_of(who), 1});
  }
  std::vector<std::string> tools;
  for (const Entities::Value& value : who.data.values) {
    if (value.facet != Facet::client) continue;
    for (const std::string_view tool :
         {"Terraform", "cloudformation", "Boto3", "aws-sdk", "ansible", "Pulumi"})
      if (lower(value.text).contains(lower(tool))) {
        tools.push_back(value.text);
        break;
      }
  }
  if (!tools.empty())
    job.supporting.push_back(
        {fmt::format("clients that programs use: {}", listed(tools)), source_of(who), 2});
  std::uint64_t sessions = 0;
  for (const Entities::Value& value : who.data.values)
    sessions += value.facet == facet_of(EntityKind::session) ? 1 : 0;
  constexpr std::uint64_t many_sessions = 3;
  if (sessions >= many_sessions)
    job.supporting.push_back(
        {fmt::format("the role had {} sessions in the time, as workloads have", sessions), source_of(who),
         1});
  return {std::move(stolen), std::move(self), std::move(job)};
}

// `instance`: its page, if there is one. `main`: the finding that the investigation is about, likewise.
Hypothesis compromised(const Case& about, const EntityPage* instance, const Document* main) {
  const std::string name = instance != nullptr ? instance->data.name : "The instance";
  Hypothesis taken{"compromised_instance", fmt::format("{} is compromised.", name), {}, {}};
  add_types(taken,
            about.of_purposes({"Backdoor", "CryptoCurrency", "Trojan", "Impact", "UnauthorizedAccess",
                               "Behavior", "Discovery", "DefenseEvasion", "Exfiltration", "Execution"},
                              ":EC2"),
            "findings of what malware does");
  add_threat(about, taken.supporting);
  if (instance != nullptr) {
    compare(*instance, facet_of(EntityKind::address), "addresses", 1, taken.supporting, taken.against);
    compare(*instance, Facet::port, "ports", 1, taken.supporting, taken.against);
    std::set<std::string> types;
    for (const EntityFinding& finding : instance->findings) types.insert(finding.type);
    constexpr std::size_t several = 2;
    if (types.size() >= several)
      taken.supporting.push_back({fmt::format("{} different findings about it: {}", types.size(),
                                              listed({types.begin(), types.end()})),
                                  source_of(*instance), 2});
  }
  if (main != nullptr && main->flag("/service/action/networkConnectionAction/blocked"))
    taken.against.push_back({"the connection was blocked", source_of(main->finding()), 2});
  if (main != nullptr &&
      main->text("/service/action/networkConnectionAction/connectionDirection") == "INBOUND")
    taken.against.push_back({"the other side began the connection", source_of(main->finding()), 1});
  return taken;
}

Hypothesis scanning(const Case& about, const EntityPage& address) {
  Hypothesis scan{"scanning_address",
                  fmt::format("{} tries many targets and this is one of them.", address.data.name),
                  {},
                  {}};
  std::uint64_t targets = 0;
  for (const Entities::Value& value : address.data.values)
    targets += value.facet == facet_of(EntityKind::principal) ||
                       value.facet == facet_of(EntityKind::instance) ||
                       value.facet == facet_of(EntityKind::cluster_user)
                   ? 1
                   : 0;
  constexpr std::uint64_t many_targets = 5;
  if (targets >= many_targets) {
    scan.supporting.push_back(
        {fmt::format("it had to do with {} identities and instances", targets), source_of(address), 2});
  } else if (targets <= 1) {
    scan.against.push_back({"it had to do with nobody else here", source_of(address), 2});
  }
  add_types(scan, about.of_purposes({"Recon"}, ""), "findings of looking around");
  const Sums calls = calls_of(address);
  if (calls.count > 0 && calls.failed == calls.count) {
    scan.supporting.push_back(
        {fmt::format("all of its {} calls failed", calls.count), source_of(address), 2});
  } else if (calls.failed < calls.count) {
    scan.against.push_back(
        {fmt::format("{} of its {} calls succeeded", calls.count - calls.failed, calls.count),
         source_of(address), 2});
  }
  return scan;
}

Hypothesis legitimate(const Case& about, const Document* main) {
  Hypothesis harmless{"legitimate", "This is legitimate and known to those in charge.", {}, {}};
  add_threat(about, harmless.against);
  for (const auto& one : about.documents) {
    const Finding& finding = one->finding();
    const bool is_main = main == one.get();
    if (finding.feedback == "NOT_USEFUL")
      harmless.supporting.push_back({"a user judged the finding as not useful", source_of(finding), 3});
    if (is_main && finding.archived == Archived::automatic)
      harmless.supporting.push_back({"a suppression rule archived the finding", source_of(finding), 2});
    if (finding.type.starts_with("AttackSequence:"))
      harmless.against.push_back({"the signals form an attack sequence", source_of(finding), 3});
    constexpr double high = 7;
    if (is_main && finding.severity >= high)
      harmless.against.push_back(
          {fmt::format("its severity is {}", finding.severity), source_of(finding), 1});
  }
  std::set<std::string> phases;
  for (const auto& one : about.documents)
    if (const auto phase = phase_of(one->finding().type); !phase.empty()) phases.insert(std::string(phase));
  constexpr std::size_t several_phases = 3;
  if (phases.size() >= several_phases && !about.documents.empty())
    harmless.against.push_back({fmt::format("the findings span {} phases of an attack: {}", phases.size(),
                                            listed({phases.begin(), phases.end()})),
                                source_of(about.documents.front()->finding()), 2});
  constexpr std::size_t alone = 1;
  if (about.documents.size() == alone)
    harmless.supporting.push_back(
        {"no other finding is about those involved", source_of(about.documents.front()->finding()), 1});
  return harmless;
}

std::vector<Hypothesis> hypotheses_of(const Case& about) {
  std::vector<Hypothesis> out;
  const EntityPage* who = about.page(EntityKind::session);
  if (const EntityPage* principal = about.page(EntityKind::principal)) who = principal;
  if (who == nullptr) who = about.page(EntityKind::cluster_user);
  const EntityPage* address = about.page(EntityKind::address);
  const EntityPage* instance = about.page(EntityKind::instance);
  const Document* main = about.documents.empty() ? nullptr : about.documents.front().get();
  if (who != nullptr) out = about_identity(about, *who);
  if (instance != nullptr ||
      !about.of_purposes({"Backdoor", "CryptoCurrency", "Trojan", "Impact"}, ":EC2").empty())
    out.push_back(compromised(about, instance, main));
  if (address != nullptr) out.push_back(scanning(about, *address));
  out.push_back(legitimate(about, main));
  std::ranges::stable_sort(out,
                           [](const Hypothesis& a, const Hypothesis& b) { return a.score() > b.score(); });
  return out;
}

std::vector<NextStep> steps_of(const Case& about, const InvestigationReport& report) {
  std::vector<NextStep> out;
  const auto is_possible = [&](std::string_view name) {
    const auto at = std::ranges::find(report.hypotheses, name, &Hypothesis::name);
    return at != report.hypotheses.end() && at->score() >= possible_min;
  };
  const Document* main = about.documents.empty() ? nullptr : about.documents.front().get();
  const EntityPage* who = about.page(EntityKind::principal);
  const std::string key = main == nullptr ? "" : main->text("/resource/accessKeyDetails/accessKeyId");
  const std::string user = main == nullptr ? "" : main->text("/resource/accessKeyDetails/userName");
  if (who != nullptr && is_possible("stolen_credentials")) {
    NextStep step{"Ask the owner of the credentials whether this was them",
                  "What is new about where from and with what is told under the hypotheses.",
                  "FURTHER_INVESTIGATION",
                  "IMMEDIATE",
                  {}};
    out.push_back(step);
    NextStep contain{
        "Make the credentials useless if it was not",
        "Until then whoever has them can go on. Sessions outlive the key they came from: a role's "
        "sessions are ended by a policy that denies those issued before now.",
        "HARDENING",
        "IMMEDIATE",
        {}};
    if (who->data.name.contains(":user/") && key.starts_with("AKIA")) {
      contain.commands.push_back(
          fmt::format("aws iam update-access-key --user-name {} --access-key-id {} --status Inactive",
                      in_command(user, "USER"), in_command(key, "KEY")));
    } else if (who->data.name.contains(":role/")) {
      contain.commands.push_back(
          fmt::format("aws iam put-role-policy --role-name {} --policy-name revoke-older-sessions "
                      "--policy-document file://deny-sessions-issued-before-now.json",
                      in_command(user, "ROLE")));
    }
    out.push_back(std::move(contain));
  }
  if (who != nullptr) {
    NextStep records{"Read what else was done with these credentials",
                     "Persistence is what to look for: new users, keys, roles, trust policies, functions.",
                     "FURTHER_INVESTIGATION",
                     "SHORT_TERM",
                     {}};
    if (!user.empty())
      records.commands.push_back(fmt::format(
          "aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue={} "
          "--start-time {} --end-time {}",
          in_command(user, "USER"), format_time_seconds(report.from), format_time_seconds(report.to)));
    out.push_back(std::move(records));
  }
  if (const EntityPage* instance = about.page(EntityKind::instance);
      instance != nullptr && is_possible("compromised_instance")) {
    NextStep isolate{"Isolate the instance and keep its disks",
                     "A security group without rules stops it without destroying what tells how it happened.",
                     "HARDENING",
                     "IMMEDIATE",
                     {}};
    isolate.commands.push_back(fmt::format(
        "aws ec2 modify-instance-attribute --instance-id {} --groups SECURITY_GROUP_WITHOUT_RULES",
        in_command(instance->data.name, "INSTANCE")));
    out.push_back(std::move(isolate));
  }
  if (const EntityPage* bucket = about.page(EntityKind::bucket)) {
    NextStep exposure{"Check who may read and write the bucket",
                      "The finding concerns what is in it.",
                      "FURTHER_INVESTIGATION",
                      "SHORT_TERM",
                      {}};
    exposure.commands.push_back(fmt::format("aws s3api get-bucket-policy-status --bucket {}",
                                            in_command(bucket->data.name, "BUCKET")));
    out.push_back(std::move(exposure));
  }
  if (const EntityPage* address = about.page(EntityKind::address)) {
    out.push_back(
        {"See whom else the address had to do with",
         fmt::format("The page of {} lists them; what it did elsewhere belongs to the same incident.",
                     address->data.name),
         "FURTHER_INVESTIGATION",
         "SHORT_TERM",
         {}});
  }
  if (!report.hypotheses.empty() && report.hypotheses.front().name == "legitimate" &&
      report.hypotheses.front().score() >= possible_min) {
    out.push_back(
        {"Suppress it if those in charge confirm it",
         "A suppression rule for this type and these entities; the backtest shows what it would have "
         "hidden.",
         "SUPPRESSION_RULE",
         "STRATEGIC",
         {}});
  }
  if (out.empty())
    out.push_back({"Look at the findings one by one",
                   "Nothing that is kept tells more about them.",
                   "FURTHER_INVESTIGATION",
                   "SHORT_TERM",
                   {}});
  return out;
}

void add_timeline(const Case& about, InvestigationReport& report) {
  for (const EntityFinding& finding : report.findings) {
    report.timeline.push_back({finding.first_seen, false,
                               fmt::format("{} begins: {}", finding.type, finding.title),
                               "finding/" + finding.id});
    if (finding.last_seen != finding.first_seen)
      report.timeline.push_back(
          {finding.last_seen, false,
           fmt::format("{} was last seen, {} times in all", finding.type, finding.count),
           "finding/" + finding.id});
  }
  static constexpr std::array<std::pair<Facet, std::string_view>, 5> told{
      {{Facet::network, "a network that is new for it"},
       {Facet::country, "a country that is new for it"},
       {Facet::client, "a client that is new for it"},
       {Facet::region, "a Region that is new for it"},
       {Facet::call, "a call that is new for it"}}};
  for (const EntityPage& page : about.pages) {
    if (page.is_new)
      report.timeline.push_back({page.data.first, false,
                                 fmt::format("{} is seen for the first time", page.data.name),
                                 source_of(page)});
    for (const auto& [facet, what] : told) {
      std::size_t shown = 0;
      for (const Entities::Value& value : page.data.values) {
        if (value.facet != facet || !page.news(value) || ++shown > named_max) continue;
        report.timeline.push_back({TimeMs{value.first_day} * day_ms, true,
                                   fmt::format("{}: {}, {}", page.data.name, what, value.text),
                                   source_of(page)});
      }
    }
  }
  std::ranges::stable_sort(report.timeline, [](const TimelineEntry& a, const TimelineEntry& b) {
    return std::tie(a.at, a.text) < std::tie(b.at, b.text);
  });
  if (report.timeline.size() > timeline_max) report.timeline.resize(timeline_max);
}

// Whom a finding is about.
std::vector<std::pair<EntityKind, std::string>> entities_in(const Document& document) {
  std::vector<std::pair<EntityKind, std::string>> out;
  const auto add = [&](EntityKind kind, std::string name) {
    if (!name.empty() && std::ranges::find(out, std::pair(kind, name)) == out.end())
      out.emplace_back(kind, std::move(name));
  };
  const std::string user = document.text("/resource/accessKeyDetails/userName");
  if (document.text("/resource/accessKeyDetails/userType") == "Root") {
    add(EntityKind::principal, "root");
  } else {
    add(EntityKind::principal, user);
  }
  for (const std::string_view action :
       {"awsApiCallAction", "networkConnectionAction", "kubernetesApiCallAction"})
    for (const std::string_view member : {"ipAddressV4", "ipAddressV6"})
      add(EntityKind::address,
          document.text(fmt::format("/service/action/{}/remoteIpDetails/{}", action, member)));
  add(EntityKind::address,
      document.text("/service/action/portProbeAction/portProbeDetails/0/remoteIpDetails/ipAddressV4"));
  add(EntityKind::instance, document.text("/resource/instanceDetails/instanceId"));
  add(EntityKind::domain, document.text("/service/action/dnsRequestAction/domainWithSuffix"));
  for (int i = 0; i < 3; ++i)
    add(EntityKind::bucket, document.text(fmt::format("/resource/s3BucketDetails/{}/name", i)));
  const std::string cluster = document.text("/resource/eksClusterDetails/name");
  const std::string cluster_user =
      document.text("/resource/kubernetesDetails/kubernetesUserDetails/username");
  if (!cluster.empty() && !cluster_user.empty())
    add(EntityKind::cluster_user, fmt::format("{}/{}", cluster, cluster_user));
  return out;
}

void note_threat(const Document& document, Case& about) {
  if (about.threat_listed) return;
  const std::string list = document.text("/service/evidence/threatIntelligenceDetails/0/threatListName");
  if (list.empty()) return;
  about.threat_listed = true;
  about.threat_source = source_of(document.finding());
  about.threat_text = fmt::format("an indicator of the threat list {} matched", list);
}

}  // namespace

int Hypothesis::score() const {
  int sum = 0;
  for (const ReportEvidence& one : supporting) sum += one.weight;
  for (const ReportEvidence& one : against) sum -= one.weight;
  return sum;
}

std::string_view Hypothesis::assessment() const {
  return score() >= likely_min ? "likely" : score() >= possible_min ? "possible" : "unlikely";
}

std::string_view name_of(InvestigationType type) {
  return type == InvestigationType::finding   ? "FINDING"
         : type == InvestigationType::account ? "ACCOUNT"
                                              : "ORGANIZATION";
}

std::string_view phase_of(std::string_view finding_type) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 18> phases{
      {{"Backdoor", "Command and Control"},
       {"Trojan", "Command and Control"},
       {"CryptoCurrency", "Impact"},
       {"Impact", "Impact"},
       {"CredentialAccess", "Credential Access"},
       {"DefenseEvasion", "Defense Evasion"},
       {"Stealth", "Defense Evasion"},
       {"Discovery", "Discovery"},
       {"Execution", "Execution"},
       {"Exfiltration", "Exfiltration"},
       {"InitialAccess", "Initial Access"},
       {"UnauthorizedAccess", "Initial Access"},
       {"LateralMovement", "Lateral Movement"},
       {"PenTest", "Reconnaissance"},
       {"Recon", "Reconnaissance"},
       {"Persistence", "Persistence"},
       {"PrivilegeEscalation", "Privilege Escalation"},
       {"Collection", "Collection"}}};
  const auto* const at = std::ranges::find(phases, purpose_of(finding_type),
                                           &std::pair<std::string_view, std::string_view>::first);
  return at == phases.end() ? std::string_view() : at->second;
}

double InvestigationReport::severity() const {
  double most = 0;
  for (const EntityFinding& finding : findings) most = std::max(most, finding.severity);
  return most;
}

std::string_view InvestigationReport::risk_level() const {
  const double most = severity();
  return most >= 9 ? "Critical" : most >= 7 ? "High" : most >= 4 ? "Medium" : most >= 1 ? "Low" : "Info";
}

std::string_view InvestigationReport::confidence() const {
  if (findings.empty() || hypotheses.empty()) return "Unknown";
  const int lead = hypotheses.front().score() - (hypotheses.size() > 1 ? hypotheses[1].score() : 0);
  if (hypotheses.front().score() < possible_min) return "Low";
  constexpr int far_ahead = 3;
  return lead >= far_ahead ? "High" : lead > 0 ? "Medium" : "Low";
}

std::string InvestigationReport::summary() const {
  std::string out = fmt::format("{}\n\nWhat happened: {}\n", title, what_happened);
  out += fmt::format("Scope: {} to {}; accounts {}; Regions {}.\n", format_time_seconds(from),
                     format_time_seconds(to), accounts.empty() ? "none" : listed(accounts),
                     regions.empty() ? "none" : listed(regions));
  if (!entities.empty()) {
    std::vector<std::string> names;
    for (const ReportEntity& one : entities)
      names.push_back(fmt::format("{} {}", name_of(one.kind), one.name));
    out += fmt::format("Involved: {}.\n", listed(std::move(names)));
  }
  out += "\nHypotheses:\n";
  for (const Hypothesis& one : hypotheses) {
    out += fmt::format("- {} ({})\n", one.statement, one.assessment());
    for (const ReportEvidence& evidence : one.supporting)
      out += fmt::format("    for: {} [{}]\n", evidence.text, evidence.source);
    for (const ReportEvidence& evidence : one.against)
      out += fmt::format("    against: {} [{}]\n", evidence.text, evidence.source);
  }
  out += "\nTimeline:\n";
  for (const TimelineEntry& entry : timeline)
    out += fmt::format("- {}: {} [{}]\n",
                       entry.whole_day ? iso_day(static_cast<std::int32_t>(entry.at / day_ms))
                                       : format_time_seconds(entry.at),
                       entry.text, entry.source);
  out += "\nNext steps:\n";
  for (const NextStep& step : steps) {
    out += fmt::format("- {}. {}\n", step.title, step.rationale);
    for (const std::string& command : step.commands) out += fmt::format("    {}\n", command);
  }
  if (!gaps.empty()) out += fmt::format("\nNot looked at: {}.\n", fmt::join(gaps, "; "));
  return out;
}

std::expected<InvestigationFocus, ApiError> focus_of(const Backend& backend, const Scope& scope,
                                                     std::string_view account, std::string_view prompt) {
  InvestigationFocus focus;
  focus.account = account;
  static const re2::RE2 token(R"(([A-Za-z0-9:/_.+=,@-]+))");
  static const re2::RE2 finding_id(R"((?:.*/)?([0-9a-f]{32}))");
  static const re2::RE2 account_id(R"([0-9]{12})");
  static const re2::RE2 instance(R"(i-[0-9a-f]{8,17})");
  static const re2::RE2 domain(R"((?:[a-z0-9_-]+\.)+[a-z]{2,})");
  bool account_named = false;
  re2::StringPiece rest(prompt.data(), prompt.size());
  std::string word;
  while (re2::RE2::FindAndConsume(&rest, token, &word)) {
    while (!word.empty() && std::string_view(".,:").contains(word.back())) word.pop_back();
    std::string id;
    if (re2::RE2::FullMatch(word, finding_id, &id)) {
      const auto found = backend.store->get(scope, {&id, 1});
      if (!found) return store_error(found.error(), "triggerPrompt");
      if (found->empty()) return invalid_parameter("triggerPrompt");
      focus.type = InvestigationType::finding;
      focus.finding_id = id;
      focus.account = found->front().account;
      return focus;
    }
    if (re2::RE2::FullMatch(word, account_id)) {
      if (scope.accounts && std::ranges::find(*scope.accounts, word) == scope.accounts->end())
        return invalid_parameter("triggerPrompt");
      focus.account = word;
      account_named = true;
    } else if (word.starts_with("arn:aws:sts::") && word.contains(":assumed-role/")) {
      focus.entities.emplace_back(EntityKind::session, word);
    } else if (word.starts_with("arn:aws:s3:::")) {
      focus.entities.emplace_back(EntityKind::bucket, word.substr(word.rfind(':') + 1));
    } else if (word.starts_with("arn:aws:iam::")) {
      focus.entities.emplace_back(EntityKind::principal, word);
    } else if (re2::RE2::FullMatch(word, instance)) {
      focus.entities.emplace_back(EntityKind::instance, word);
    } else if (const auto ip = IpAddress::parse(word)) {
      focus.entities.emplace_back(EntityKind::address, ip->to_string());
    } else if (re2::RE2::FullMatch(word, domain)) {
      focus.entities.emplace_back(EntityKind::domain, word);
    }
  }
  const std::string words = lower(prompt);
  const bool everybody =
      words.contains("organization") || words.contains("organisation") || words.contains("all accounts");
  const bool others = !scope.accounts || scope.accounts->size() > 1;
  if (everybody && others && !account_named) {
    focus.type = InvestigationType::organization;
    focus.account.clear();
  }
  return focus;
}

std::expected<InvestigationReport, ApiError> investigate(const Backend& backend, const Scope& scope,
                                                         const Entities::Accounts& accounts,
                                                         InvestigationFocus focus) {
  InvestigationReport report;
  Case about;
  Scope seen = scope;
  Entities::Accounts of = accounts;
  if (!focus.account.empty()) {
    seen.accounts = {focus.account};
    const bool may = !accounts || std::ranges::find(*accounts, focus.account) != accounts->end();
    of = may ? std::vector<std::string>{focus.account} : std::vector<std::string>{};
    if (!may) report.gaps.push_back("entities of an account that is not administered in all of its Regions");
  }
  if (backend.entities == nullptr) report.gaps.push_back("entities, which are not kept here");

  // The findings that it begins with.
  std::vector<Finding> begun;
  if (focus.type == InvestigationType::finding) {
    auto found = backend.store->get(seen, {&focus.finding_id, 1});
    if (!found) return store_error(found.error(), "triggerPrompt");
    begun = std::move(*found);
  } else if (focus.entities.empty()) {
    Sort latest;
    latest.attribute = attribute::updated_at();
    auto page = backend.store->list(seen, {}, latest, findings_max, "");
    if (!page) return store_error(page.error(), "triggerPrompt");
    auto found = backend.store->get(seen, page->ids);
    if (!found) return store_error(found.error(), "triggerPrompt");
    // Of the last week up to the newest.
    TimeMs newest = 0;
    for (const Finding& finding : *found) newest = std::max(newest, finding.updated_at);
    std::erase_if(*found, [&](const Finding& finding) { return finding.updated_at < newest - account_span; });
    begun = std::move(*found);
    std::ranges::stable_sort(begun, [](const Finding& a, const Finding& b) {
      return a.severity != b.severity ? a.severity > b.severity : a.updated_at > b.updated_at;
    });
  }
  for (const Finding& finding : begun) {
    report.from = report.from == 0 ? finding.created_at : std::min(report.from, finding.created_at);
    report.to = std::max(report.to, finding.updated_at);
  }

  // Whom they are about, the most often named first.
  std::vector<std::pair<EntityKind, std::string>> names = focus.entities;
  {
    std::map<std::pair<EntityKind, std::string>, std::size_t> counted;
    std::vector<std::pair<EntityKind, std::string>> order;
    for (const Finding& finding : begun) {
      for (auto& name : entities_in(Document(finding))) {
        if (counted[name]++ == 0) order.push_back(name);
      }
    }
    std::ranges::stable_sort(order, [&](const auto& a, const auto& b) { return counted[a] > counted[b]; });
    names.insert(names.end(), order.begin(), order.end());
  }
  if (names.size() > entities_max) {
    report.gaps.push_back(
        fmt::format("{} more entities that the findings name", names.size() - entities_max));
    names.resize(entities_max);
  }
  Scope everywhere = seen;
  everywhere.region.reset();
  everywhere.accounts = of;
  std::set<std::string> ids;
  for (const Finding& finding : begun) ids.insert(finding.id);
  std::vector<std::string> related;
  const auto relate = [&](const std::vector<EntityFinding>& found) {
    for (const EntityFinding& finding : found)
      if (ids.insert(finding.id).second) related.push_back(finding.id);
  };
  for (const auto& [kind, name] : names) {
    EntityQuery query{.kind = kind, .name = name, .from = {}, .to = {}};
    if (report.to != 0) {
      query.from = (report.from - margin) / day_ms * day_ms;
      query.to = ((report.to + margin) / day_ms + 1) * day_ms;
    }
    auto page = entity_page(backend, everywhere, of, query);
    if (!page) return std::unexpected(page.error());
    report.entities.push_back({kind, *page ? (*page)->data.name : name, page->has_value()});
    if (*page) {
      relate((*page)->findings);
      about.pages.push_back(std::move(**page));
    } else {
      bool more = false;
      auto found = findings_of(backend, everywhere, kind, name, more);
      if (!found) return std::unexpected(found.error());
      relate(*found);
    }
  }
  if (related.size() + begun.size() > findings_max)
    related.resize(findings_max - std::min(findings_max, begun.size()));
  if (!related.empty()) {
    auto more = backend.store->get(everywhere, related);
    if (!more) return store_error(more.error(), "triggerPrompt");
    std::ranges::move(*more, std::back_inserter(begun));
  }
  std::set<std::string> account_names, regions;
  for (const Finding& finding : begun) {
    about.documents.push_back(std::make_unique<Document>(finding));
    const Document& document = *about.documents.back();
    note_threat(document, about);
    account_names.insert(finding.account);
    regions.insert(finding.region);
    EntityFinding told{finding.id,
                       finding.type,
                       finding.account,
                       finding.region,
                       document.text("/title"),
                       finding.severity,
                       finding.created_at,
                       finding.updated_at,
                       finding.count,
                       finding.archived != Archived::no};
    for (const auto& [pointer, time] : {std::pair{"/service/eventFirstSeen", &told.first_seen},
                                        std::pair{"/service/eventLastSeen", &told.last_seen}})
      if (const auto parsed = parse_time(document.text(pointer))) *time = *parsed;
    report.from = report.from == 0 ? told.first_seen : std::min(report.from, told.first_seen);
    report.to = std::max(report.to, told.last_seen);
    report.findings.push_back(std::move(told));
  }
  for (const EntityPage& page : about.pages) {
    if (report.from == 0) report.from = page.from;
    if (report.to == 0) report.to = page.to;
    account_names.insert(page.data.accounts.begin(), page.data.accounts.end());
    for (const Entities::Value& value : page.data.values)
      if (value.facet == Facet::region && page.data.kind != EntityKind::cluster_user)
        regions.insert(value.text);
  }
  report.accounts.assign(account_names.begin(), account_names.end());
  report.regions.assign(regions.begin(), regions.end());

  const Document* main = about.documents.empty() ? nullptr : about.documents.front().get();
  if (focus.type == InvestigationType::finding && main != nullptr) {
    report.title = main->text("/title");
    const EntityFinding& it = report.findings.front();
    const std::string first = format_time_seconds(it.first_seen), last = format_time_seconds(it.last_seen);
    report.what_happened =
        main->text("/description") +
        (it.count == 1 ? fmt::format(" It was seen once, at {}.", first)
                       : fmt::format(" It was seen {} times from {} to {}.", it.count, first, last));
    if (report.findings.size() > 1)
      report.what_happened +=
          fmt::format(" {} other findings are about those involved.", report.findings.size() - 1);
  } else {
    const std::string what = !focus.entities.empty() ? focus.entities.front().second
                             : focus.account.empty() ? std::string("the organization")
                                                     : "account " + focus.account;
    report.title = fmt::format("Investigation of {}", what);
    if (report.findings.empty()) {
      report.what_happened = fmt::format("No finding is about {}.", what);
    } else {
      std::map<std::string, std::size_t> types;
      for (const EntityFinding& finding : report.findings) ++types[finding.type];
      std::vector<std::string> told;
      for (const auto& [type, count] : types)
        told.push_back(count == 1 ? type : fmt::format("{} ({})", type, count));
      report.what_happened = fmt::format("{} findings of {} types about {}: {}.", report.findings.size(),
                                         types.size(), what, listed(std::move(told)));
    }
  }
  report.focus = std::move(focus);
  report.hypotheses = hypotheses_of(about);
  report.steps = steps_of(about, report);
  add_timeline(about, report);
  return report;
}

void write_report(JsonWriter& json, const InvestigationReport& report) {
  json.begin_object();
  json.member("title", report.title);
  json.member("whatHappened", report.what_happened);
  json.member("type", name_of(report.focus.type));
  json.member("riskLevel", report.risk_level());
  json.member("confidence", report.confidence());
  json.key("scope");
  json.begin_object();
  json.member("from", format_time(report.from));
  json.member("to", format_time(report.to));
  json.member("accounts", report.accounts);
  json.member("regions", report.regions);
  json.key("entities");
  json.begin_array();
  for (const ReportEntity& one : report.entities) {
    json.begin_object();
    json.member("kind", name_of(one.kind));
    json.member("name", one.name);
    json.member("known", one.known);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.key("hypotheses");
  json.begin_array();
  for (const Hypothesis& one : report.hypotheses) {
    json.begin_object();
    json.member("name", one.name);
    json.member("statement", one.statement);
    json.member("assessment", one.assessment());
    json.member("score", one.score());
    for (const auto& [name, list] :
         {std::pair{"supporting", &one.supporting}, std::pair{"against", &one.against}}) {
      json.key(name);
      json.begin_array();
      for (const ReportEvidence& evidence : *list) {
        json.begin_object();
        json.member("text", evidence.text);
        json.member("source", evidence.source);
        json.member("weight", evidence.weight);
        json.end_object();
      }
      json.end_array();
    }
    json.end_object();
  }
  json.end_array();
  json.key("timeline");
  json.begin_array();
  for (const TimelineEntry& entry : report.timeline) {
    json.begin_object();
    json.member("at", format_time(entry.at));
    json.member("wholeDay", entry.whole_day);
    json.member("text", entry.text);
    json.member("source", entry.source);
    json.end_object();
  }
  json.end_array();
  write_findings(json, report.findings);
  json.key("nextSteps");
  json.begin_array();
  for (const NextStep& step : report.steps) {
    json.begin_object();
    json.member("title", step.title);
    json.member("rationale", step.rationale);
    json.member("priority", step.priority);
    json.member("commands", step.commands);
    json.end_object();
  }
  json.end_array();
  json.member("gaps", report.gaps);
  json.end_object();
}

Answer stored_report(FindingStore& store, std::string_view account, std::string_view region,
                     std::string_view id) {
  const auto kept = store.get_setting(account, region, investigation_setting, id);
  if (!kept) return store_error(kept.error(), "investigationId");
  if (!*kept) return resource_not_found();
  simdjson::dom::parser parser;
  simdjson::dom::element root, report;
  if (parser.parse((*kept)->body).get(root) != simdjson::SUCCESS ||
      root["report"].get(report) != simdjson::SUCCESS)
    return internal_error();
  return simdjson::minify(report);
}

}  // namespace picket::api
