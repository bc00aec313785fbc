#include "engine/learner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/fixed_log2.h"
#include "engine/behaviours.h"
#include "engine/norm_ids.h"
#include "engine/subject.h"
#include "state/pod_command.h"

namespace picket {

namespace {

constexpr std::int32_t bit = 256;
constexpr TimeMs gap_max = hour_ms;  // between unusual behaviours of one incident
constexpr TimeMs incident_max = 24 * hour_ms;
constexpr std::size_t behaviours_max = 64;  // of an incident
constexpr std::size_t usual_max = 20;       // as many as GuardDuty's page shows
// Below, a behaviour is what its principal does.
constexpr std::int32_t call_bits_min = 2 * bit, context_bits_min = 3 * bit;

// Lists are joined by commas.
std::string plain(std::string text) {
  std::ranges::replace(text, ',', ' ');
  return text;
}

bool is_unusual(const JudgedBehaviour& one) {
  if (one.of(Factor::api).total() >= call_bits_min) return true;
  for (const Factor factor : {Factor::network, Factor::client, Factor::region, Factor::credential,
                              Factor::error, Factor::resource}) {
    if (one.of(factor).total() >= context_bits_min) return true;
  }
  return false;
}

// What GuardDuty calls the features of its profiles.
struct Feature {
  Factor factor;
  std::string_view name;
  bool of_identity;  // told of the user identity too
};
constexpr Feature features[] = {
    {Factor::api, "APIs", true},          {Factor::credential, "UserTypes", false},
    {Factor::user, "UserNames", false},   {Factor::network, "ASNs", true},
    {Factor::client, "UserAgents", true}, {Factor::resource, "Buckets", true}};

// Services without a Region: CloudTrail writes their calls in one of its own choice (sign-in: the nearest),
// which says nothing of the caller.
bool is_global(std::string_view service) {
  constexpr std::array<std::string_view, 14> names{
      "iam", "organizations",     "cloudfront", "route53", "signin",         "account", "support", "billing",
      "ce",  "globalaccelerator", "budgets",    "shield",  "route53domains", "health"};
  return std::ranges::find(names, service.substr(0, service.find('.'))) != names.end();
}

std::string_view lower_name(Frequency frequency) {
  return frequency == Frequency::frequent     ? "frequent"
         : frequency == Frequency::infrequent ? "infrequent"
                                              : "rare";
}

}  // namespace

Learner::Learner(std::span<const Detector* const> detectors, LogKind log) : detectors_(detectors), log_(log) {
  for (std::size_t i = 0; i < detectors.size(); ++i) {
    if (detectors[i]->logic.incident != nullptr && detectors[i]->when.front().log == log)
      judges_.push_back(static_cast<std::uint16_t>(i));
  }
}

void Learner::add(PackedBehaviour behaviour) {
  const auto day = judged_.find(Behaviour::day_of(behaviour.first().time));
  if (day != judged_.end() && day->second.contains(behaviour.tuple())) return;
  PackedBehaviour& waiting = waiting_[behaviour.tuple()];
  if (waiting.empty() || behaviour.first() < waiting.first()) waiting = std::move(behaviour);
}

Learner::Output Learner::turn(TimeMs watermark, const Facts& facts) {
  Output out;
  std::vector<PackedBehaviour> due;
  boost::unordered::erase_if(waiting_, [&](auto& item) {
    if (item.second.first().time > watermark) return false;
    due.push_back(std::move(item.second));
    return true;
  });
  std::ranges::sort(due, [](const PackedBehaviour& a, const PackedBehaviour& b) {
    return a.first() < b.first() || (!(b.first() < a.first()) && a.tuple() < b.tuple());
  });
  for (const PackedBehaviour& behaviour : due) {
    Behaviour whole = behaviour.whole();
    judge(whole, facts, out);
  }
  for (auto& [who, open] : open_) {
    if (!open.changed) continue;
    out.changed.push_back({open.window, activity_of(open)});
    open.changed = false;
  }
  // Nothing older than the watermark is judged any more.
  for (auto at = open_.begin(); at != open_.end();) {
    if (at->second.last >= watermark - gap_max) {
      ++at;
      continue;
    }
    close(at->second, out);
    at = open_.erase(at);
  }
  judged_.erase(judged_.begin(), judged_.lower_bound(Behaviour::day_of(watermark) - 1));
  return out;
}

void Learner::close(Open& open, Output& out) {
  if (!open.raised) return;
  if (open.changed) out.changed.push_back({open.window, activity_of(open)});
  open.changed = false;
  out.settled.push_back(open.window);
}

// What a behaviour serves: an API by the table of data/learning, a request to a cluster by the type it may
// be.
ApiTactic Learner::tactic_of(const Behaviour& behaviour) const {
  if (behaviour.domain != Domain::cluster) {
    ApiTactic of = api_tactic(behaviour.call.service_name, behaviour.call.api);
    of.weight_bits = static_cast<std::uint8_t>(weight_of(of, behaviour.aim.aim));
    return of;
  }
  if (!behaviour.type || judges_.empty()) return {Tactic::discovery, 0, false};
  const FindingType& type = detectors_[judges_.front()]->types[*behaviour.type];
  // Weights as those of calls, by how sure GuardDuty's severities are.
  const double severity =
      behaviour.call.api.ends_with(credentials_taken) ? number_of(Severity::high) : number_of(type.severity);
  return {tactic_of_id(type.mitre.tactic).value_or(Tactic::execution),
          static_cast<std::uint8_t>(severity >= 7   ? 6
                                    : severity >= 4 ? 4
                                                    : 2),
          true};
}

// Moves the behaviour away where it is kept.
void Learner::judge(Behaviour& behaviour, const Facts& facts, Output& out) {
  const TimeMs now = behaviour.first.time;
  const Day day = Behaviour::day_of(now);
  judged_[day].insert(behaviour.tuple);
  norms_.begin_day(day);

  JudgedBehaviour one;
  // A cluster is to its users what an account is to callers of AWS.
  const std::string& place = behaviour.kubernetes ? behaviour.kubernetes->cluster : behaviour.account;
  one.act = act_of(behaviour.who.principal_key, place, behaviour.account);
  one.act.peers = hash64(behaviour.peers, 2);
  if (!behaviour.person.empty()) one.act.person = hash64(behaviour.person, 3);
  const auto put = [&](Factor factor, std::string text) {
    if (text.empty()) return;
    const auto index = static_cast<std::size_t>(factor);
    one.act.prints[index] = Rarity::print(text);
    one.texts[index] = std::move(text);
  };
  if (behaviour.kubernetes) {
    put(Factor::api, behaviour.call.api);
    put(Factor::service, behaviour.request->resource);
    put(Factor::region, behaviour.request->namespace_name);
  } else {
    // Whom the organisation's accounts let in is told by their logs.
    behaviour.aim.aim = behaviour.aim.among(
        [&](std::string_view account) { return norms_.knows(act_of({}, account, account).account); });
    // What is grave is a habit of its own.
    put(Factor::api,
        fmt::format("{}:{}{}", behaviour.call.service_name, behaviour.call.api,
                    is_grave(behaviour.aim.aim) ? fmt::format(" that {}", name_of(behaviour.aim.aim)) : ""));
    put(Factor::service, behaviour.call.service_name);
    if (!is_global(behaviour.call.service_name)) put(Factor::region, behaviour.region);
  }
  if (behaviour.remote_ip) {
    const auto place = facts.place(*behaviour.remote_ip);
    if (place && (place->asn != 0 || !place->as_org.empty())) {
      put(Factor::network, plain(fmt::format("asnNumber: {} asnOrg: {}", place->asn, place->as_org)));
    } else {
      put(Factor::network, "near " + neighbourhood_of(*behaviour.remote_ip));
    }
    if (place) put(Factor::country, place->country_code);
  } else {
    put(Factor::network, plain(behaviour.source));
  }
  put(Factor::client, plain(behaviour.client));
  put(Factor::credential, behaviour.credential);
  put(Factor::error, behaviour.error);
  put(Factor::resource, plain(behaviour.resource));
  put(Factor::user, plain(behaviour.who.user_name));
  put(Factor::account, place);

  if (!(learn_until_ ? now >= *learn_until_ : norms_.settled(one.act, day))) {
    norms_.learn(one.act, day, one.texts);
    return;
  }
  const Rarity::Judgement judgement = norms_.judge(one.act, day);
  one.bits = judgement.bits;
  one.tactic = tactic_of(behaviour);
  one.what = std::move(behaviour);
  const bool unusual = is_unusual(one);
  norms_.note_score(one.act.account,
                    unusual ? weigh({one.what.domain, {one}, 0, judgement.young}).total() : 0);
  const Who who{one.act.principal, one.what.domain};
  auto at = open_.find(who);
  if (at != open_.end() && (now - at->second.last > gap_max ||
                            now - at->second.incident.behaviours.front().what.first.time > incident_max)) {
    close(at->second, out);
    open_.erase(at);
    at = open_.end();
  }
  if (!unusual) {
    if (at != open_.end()) ++at->second.incident.usual;
    norms_.learn(one.act, day, one.texts);
    return;
  }
  Open& open = open_[who];
  Incident& incident = open.incident;
  incident.domain = one.what.domain;
  incident.young = judgement.young;
  if (incident.behaviours.empty())
    open.window = hash_mix(one.what.first.event_id.hash(), hash_mix(one.act.principal, one.what.tuple));
  open.last = now;
  if (incident.behaviours.size() >= behaviours_max) {
    norms_.learn(one.act, day, one.texts);
    return;
  }
  for (std::size_t i = 0; i < factor_count; ++i) {
    const auto factor = static_cast<Factor>(i);
    one.own[i] = norms_.frequency(Rarity::Scope::principal, one.act, factor, day);
    one.account[i] = norms_.frequency(Rarity::Scope::account, one.act, factor, day);
  }
  incident.behaviours.push_back(std::move(one));
  const JudgedBehaviour& kept = incident.behaviours.back();
  consider(open, kept, out);
  norms_.learn(kept.act, day, kept.texts);
}

void Learner::consider(Open& open, const JudgedBehaviour& latest, Output& out) {
  const Day day = Behaviour::day_of(latest.what.first.time);
  for (const std::uint16_t detector : judges_) {
    std::optional<Evidence> evidence = detectors_[detector]->logic.incident(open.incident);
    if (!evidence) continue;
    const bool first = !open.raised;
    open.raised = open.changed = true;
    open.detector = detector;
    if (first) open.profile = profile_of(latest, day);
    open.detection = detection_of(open, *evidence);
    if (first) out.raised.push_back({open.detection, latest.what.first.time});
    // What an incident consists of does not become normal by it.
    if (norms_.alarm(latest.act.principal, day)) {
      for (const JudgedBehaviour& one : open.incident.behaviours) {
        if (Behaviour::day_of(one.what.first.time) == day) norms_.unlearn(one.act, day);
      }
    }
    return;
  }
}

NamedValues Learner::profile_of(const JudgedBehaviour& of, Day day) const {
  NamedValues values;
  for (const Feature& feature : features) {
    for (const auto& [scope, name] : {std::pair{Rarity::Scope::account, "Account"},
                                      std::pair{Rarity::Scope::principal, "UserIdentity"}}) {
      if (scope == Rarity::Scope::principal && !feature.of_identity) continue;
      for (const auto& [frequency, texts] : norms_.usual(scope, of.act, feature.factor, day, usual_max)) {
        values.emplace_back(
            fmt::format("profiled.{}Profiled{}{}Profiling", lower_name(frequency), feature.name, name),
            fmt::format("{}", fmt::join(texts, ", ")));
      }
    }
  }
  return values;
}

namespace {

Subject subject_of(const Incident& incident, const JudgedBehaviour& primary) {
  Subject subject;
  subject.account = primary.what.account;
  subject.region = primary.what.region;
  subject.remote_ip = primary.what.remote_ip;
  if (incident.domain == Domain::cluster) {
    subject.resource = ResourceKind::eks_cluster;
    subject.action = ActionKind::kubernetes_api_call;
    if (primary.what.kubernetes) subject.kubernetes = *primary.what.kubernetes;
    if (primary.what.request) subject.kubernetes_call = *primary.what.request;
  } else {
    subject.action = ActionKind::aws_api_call;
    subject.api_call = primary.what.call;
  }
  if (!primary.what.who.principal_id.empty() || incident.domain != Domain::cluster)
    subject.access_key = primary.what.who;
  // There the behaviour's user is the cluster's, and AWS's is who is behind it.
  if (subject.access_key && subject.kubernetes)
    subject.access_key->user_name = subject.kubernetes->session_name;
  if (incident.domain == Domain::object) {
    std::set<std::string> told;
    for (const JudgedBehaviour& one : incident.behaviours) {
      const std::string& bucket = one.what.resource;
      if (bucket.empty() || !told.insert(bucket).second) continue;
      BucketSubject made_of{.name = bucket, .arn = "arn:aws:s3:::" + bucket, .owner_account = {}, .type = {}};
      made_of.type = one.tactic.tactic == Tactic::discovery || one.tactic.tactic == Tactic::collection
                         ? "Source"
                         : "Destination";
      subject.buckets.push_back(std::move(made_of));
    }
  }
  return subject;
}

// The most unusual value of each factor, with what each level adds.
void tell_factors(const Incident& incident, NamedValues& values) {
  for (std::size_t i = 0; i < factor_count; ++i) {
    const auto factor = static_cast<Factor>(i);
    const auto most = std::ranges::max_element(
        incident.behaviours, {}, [&](const JudgedBehaviour& one) { return one.bits[i].total(); });
    const FactorBits& bits = most->bits[i];
    if (bits.total() < bit || factor == Factor::user || factor == Factor::account) continue;
    values.emplace_back(
        fmt::format("bits.{}", name_of(factor)),
        fmt::format("{}: {} bits (principal {}, peers {}, account {}, organisation {}); {} for the "
                    "principal, {} in the account",
                    most->texts[i], bits_text(bits.total()), bits_text(bits.own), bits_text(bits.peers),
                    bits_text(bits.account), bits_text(bits.organisation), name_of(most->own[i]),
                    name_of(most->account[i])));
  }
}

// With their success.
std::string calls_by_service(const Incident& incident) {
  std::map<std::string, std::vector<std::string>> calls;
  for (const JudgedBehaviour& one : incident.behaviours) {
    std::vector<std::string>& of_service = calls[one.text(Factor::service)];
    std::string call = fmt::format("{}:{}", one.what.call.api, one.what.error);
    if (std::ranges::find(of_service, call) == of_service.end()) of_service.push_back(std::move(call));
  }
  std::string told;
  for (const auto& [service, list] : calls)
    told += fmt::format("{}{}:[{}]", told.empty() ? "" : ", ", service, fmt::join(list, ", "));
  return told;
}

// What neither the principal nor the account has shown before.
void tell_unseen(const Incident& incident, NamedValues& values) {
  for (const Feature& feature : features) {
    const auto index = static_cast<std::size_t>(feature.factor);
    std::set<std::string> account, own;
    for (const JudgedBehaviour& one : incident.behaviours) {
      if (one.texts[index].empty()) continue;
      if (one.account[index] == Frequency::unseen) account.insert(one.texts[index]);
      if (one.own[index] == Frequency::unseen) own.insert(one.texts[index]);
    }
    if (!account.empty())
      values.emplace_back(fmt::format("unusual.unusual{}AccountProfiling", feature.name),
                          fmt::format("{}", fmt::join(account, ", ")));
    if (feature.of_identity && !own.empty())
      values.emplace_back(fmt::format("unusual.unusual{}UserIdentityProfiling", feature.name),
                          fmt::format("{}", fmt::join(own, ", ")));
  }
}

}  // namespace

Detection Learner::detection_of(const Open& open, const Evidence& evidence) const {
  const Incident& incident = open.incident;
  const IncidentScore score = weigh(incident);
  const JudgedBehaviour& primary = incident.behaviours[score.primary];
  const Detector& detector = *detectors_[open.detector];
  const FindingType& type = detector.types[evidence.type];
  Detection made;
  made.detector = open.detector;
  made.type = evidence.type;
  made.severity = evidence.severity_of(number_of(type.severity));
  made.subject = subject_of(incident, primary);
  apply_type(type, made.subject);

  NamedValues& values = made.evidence;
  values.emplace_back("tactic", name_of(primary.tactic.tactic));
  values.emplace_back("score", bits_text(score.total()) + " bits");
  values.emplace_back("threshold", bits_text(threshold_of(incident.domain)) + " bits");
  values.emplace_back("one_in", fmt::format("1 in {} behaviours of this account is this unusual",
                                            norms_.one_in(primary.act.account, score.total())));
  const Day day = Behaviour::day_of(primary.what.first.time);
  values.emplace_back("active_days",
                      fmt::format("{} of the 63 before{}", norms_.days_of(primary.act.principal, day),
                                  incident.young ? "; too few to be judged by: its peers count" : ""));
  values.emplace_back("bits.calls", bits_text(score.calls));
  values.emplace_back("bits.risk", bits_text(score.risk));
  values.emplace_back("bits.context", bits_text(score.context));
  tell_factors(incident, values);
  values.emplace_back("anomalies.anomalousAPIs", calls_by_service(incident));
  tell_unseen(incident, values);
  values.insert(values.end(), open.profile.begin(), open.profile.end());
  for (const auto& value : evidence.values) values.push_back(value);

  made.issue = issue_of(made.subject, values, detector.issue);
  made.count = incident.behaviours.size();
  made.first = incident.behaviours.front().what.first;
  made.last = incident.behaviours.back().what.first;
  return made;
}

Activity Learner::activity_of(const Open& open) {
  Activity activity(open.detection);
  for (const JudgedBehaviour& one : open.incident.behaviours) activity.proof.add(one.what.first);
  return activity;
}

void Learner::save(Writer& out) const {
  norms_.save(out);
  std::map<std::uint64_t, const PackedBehaviour*> waiting;
  for (const auto& [tuple, behaviour] : waiting_) waiting.emplace(tuple, &behaviour);
  out(static_cast<std::uint32_t>(waiting.size()));
  for (const auto& [tuple, behaviour] : waiting) behaviour->save(out);
  out(static_cast<std::uint32_t>(judged_.size()));
  for (const auto& [day, tuples] : judged_) {
    std::vector<std::uint64_t> sorted(tuples.begin(), tuples.end());
    std::ranges::sort(sorted);
    out(day, sorted);
  }
}

void Learner::save_open(Writer& out) const { out(open_); }

void Learner::load(Reader& in) {
  norms_.load(in);
  std::uint32_t size = 0;
  in(size);
  for (std::uint32_t i = 0; i < size && !in.failed(); ++i) {
    Behaviour behaviour;
    in(behaviour);
    waiting_[behaviour.tuple] = PackedBehaviour(behaviour);
  }
  in(size);
  for (std::uint32_t i = 0; i < size && !in.failed(); ++i) {
    Day day = 0;
    std::vector<std::uint64_t> tuples;
    in(day, tuples);
    judged_[day].insert(tuples.begin(), tuples.end());
  }
}

void Learner::load_open(Reader& in, const Numbering& numbering) {
  in(open_);
  for (auto at = open_.begin(); at != open_.end();) {
    Open& open = at->second;
    if (open.incident.behaviours.empty()) return in.fail();
    const auto judge = open.raised ? numbering.detector(open.detector) : std::nullopt;
    if (open.raised && (!judge || !numbering.renumber(open.detection))) {
      at = open_.erase(at);
      continue;
    }
    open.detector = judge.value_or(0);
    if (open.raised && std::ranges::find(judges_, open.detector) == judges_.end()) return in.fail();
    ++at;
  }
}

}  // namespace picket
