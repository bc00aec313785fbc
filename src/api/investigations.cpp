// Investigations: each is carried out when it is created (api/investigation_report.h) and kept as it was
// then, under the account that began it. An account keeps a hundred; beyond that the oldest go.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/entity_page.h"
#include "api/handlers.h"
#include "api/ids.h"
#include "api/investigation_report.h"
#include "api/paging.h"
#include "base/hash.h"

namespace picket::api {

namespace {

using simdjson::dom::element;

constexpr std::size_t kept_max = 100;  // GuardDuty's quota
constexpr std::size_t risk_max = 1024, title_max = 1024, by_max = 256;

// Cut to a length in bytes, at the end of a character.
std::string shortened(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  text.resize(most);
  return text;
}

struct Counted {
  std::string name;
  std::size_t count = 0;
};
template <class Of>
std::vector<Counted> counted(const std::vector<EntityFinding>& findings, Of of) {
  std::map<std::string, std::size_t> counts;
  for (const EntityFinding& finding : findings) ++counts[of(finding)];
  std::vector<Counted> out;
  for (const auto& [name, count] : counts) out.push_back({name, count});
  std::ranges::stable_sort(out, [](const Counted& a, const Counted& b) { return a.count > b.count; });
  return out;
}

void write_severities(JsonWriter& json, const std::vector<EntityFinding>& findings) {
  std::array<std::size_t, 5> counts{};
  for (const EntityFinding& finding : findings)
    ++counts[finding.severity >= 9   ? 0
             : finding.severity >= 7 ? 1
             : finding.severity >= 4 ? 2
             : finding.severity >= 1 ? 3
                                     : 4];
  json.key("severityBreakdown");
  json.begin_object();
  static constexpr std::array<std::string_view, 5> names{"critical", "high", "medium", "low", "info"};
  for (std::size_t i = 0; i < names.size(); ++i) json.member(names[i], counts[i]);
  json.end_object();
}

void write_findings_summary(JsonWriter& json, const InvestigationReport& report) {
  json.key("findingsSummary");
  json.begin_object();
  json.member("totalFindings", report.findings.size());
  write_severities(json, report.findings);
  json.key("topFindingTypes");
  json.begin_array();
  for (const Counted& type : counted(report.findings, [](const EntityFinding& one) { return one.type; })) {
    json.begin_object();
    json.member("findingType", type.name);
    json.member("count", type.count);
    json.end_object();
  }
  json.end_array();
  if (report.focus.type == InvestigationType::organization) {
    json.member("totalAccountCount", report.accounts.size());
    json.member("affectedAccountCount",
                counted(report.findings, [](const EntityFinding& one) { return one.account; }).size());
  }
  json.end_object();
}

// The API's kind of resource; empty where it has none.
std::string_view resource_type(const ReportEntity& entity) {
  switch (entity.kind) {
    case EntityKind::principal:
      return entity.name.contains(":role/") ? "IAM_ROLE" : "IAM_USER";
    case EntityKind::instance:
      return "EC2_INSTANCE";
    case EntityKind::bucket:
      return "S3_BUCKET";
    default:
      return {};
  }
}

void write_recommendations(JsonWriter& json, const InvestigationReport& report) {
  json.key("recommendations");
  json.begin_array();
  for (const NextStep& step : report.steps) {
    json.begin_object();
    json.member("title", step.title);
    json.member("rationale", step.rationale);
    json.member("category", step.category);
    json.member("priority", step.priority);
    if (!step.commands.empty()) json.member("cliCommands", step.commands);
    json.end_object();
  }
  json.end_array();
}

std::vector<std::string> observations(const InvestigationReport& report) {
  std::vector<std::string> out;
  for (const Hypothesis& one : report.hypotheses) {
    out.push_back(fmt::format("{} ({})", one.statement, one.assessment()));
    for (const ReportEvidence& evidence : one.supporting)
      out.push_back(fmt::format("for: {} [{}]", evidence.text, evidence.source));
    for (const ReportEvidence& evidence : one.against)
      out.push_back(fmt::format("against: {} [{}]", evidence.text, evidence.source));
  }
  return out;
}

void write_summary_data(JsonWriter& json, const InvestigationReport& report) {
  json.begin_object();
  if (report.focus.type == InvestigationType::finding && !report.findings.empty())
    json.member("findingType", report.findings.front().type);
  json.key("threatAssessment");
  json.begin_object();
  json.key("attackProgression");
  json.begin_array();
  std::map<std::string, std::vector<const EntityFinding*>> phases;
  for (const EntityFinding& finding : report.findings)
    if (const auto phase = phase_of(finding.type); !phase.empty())
      phases[std::string(phase)].push_back(&finding);
  for (const auto& [phase, findings] : phases) {
    json.begin_object();
    json.member("phase", phase);
    json.key("attacks");
    json.begin_array();
    json.begin_object();
    json.key("findings");
    json.begin_array();
    for (const EntityFinding* finding : findings) {
      json.begin_object();
      json.member("findingType", finding->type);
      json.member("uid", finding->id);
      json.end_object();
    }
    json.end_array();
    json.end_object();
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
  if (report.focus.type == InvestigationType::organization) {
    json.key("organizationAnalysis");
    json.begin_object();
    write_findings_summary(json, report);
    json.key("accountBreakdown");
    json.begin_array();
    for (const Counted& account :
         counted(report.findings, [](const EntityFinding& one) { return one.account; })) {
      json.begin_object();
      json.member("accountId", account.name);
      json.member("findingCount", account.count);
      json.end_object();
    }
    json.end_array();
    json.end_object();
  } else {
    json.key("accountAnalysis");
    json.begin_object();
    write_findings_summary(json, report);
    json.key("affectedResources");
    json.begin_array();
    for (const ReportEntity& entity : report.entities) {
      if (resource_type(entity).empty()) continue;
      json.begin_object();
      json.member("identifier", entity.name);
      json.member("type", resource_type(entity));
      json.end_object();
    }
    json.end_array();
    json.end_object();
  }
  json.key("keyObservations");
  json.begin_object();
  json.member("title", report.title);
  json.member("narrative", report.what_happened);
  json.member("observations", observations(report));
  json.end_object();
  write_recommendations(json, report);
  json.end_object();
}

// The records of an investigation: what was looked at, what was seen, what was concluded.
class Records {
 public:
  Records(JsonWriter& json, std::string_view investigation, TimeMs at)
      : json_(json), investigation_(investigation), at_(at) {}

  template <class Write>
  void add(std::string_view type, std::string_view title, const std::string& narrative, Write supporting) {
    json_.begin_object();
    json_.member("recordId", hash128(fmt::format("{}/{}", investigation_, ++number_)).hex());
    json_.member("type", type);
    json_.member("title", title);
    json_.member_raw("createdAt", epoch_seconds(at_));
    if (!narrative.empty()) json_.member("narrative", narrative);
    json_.key("supportingData");
    json_.begin_object();
    supporting();
    json_.end_object();
    json_.end_object();
  }

 private:
  JsonWriter& json_;
  std::string_view investigation_;
  TimeMs at_;
  std::size_t number_ = 0;
};

void write_records(JsonWriter& json, const InvestigationReport& report, std::string_view id, TimeMs at) {
  json.begin_array();
  Records records(json, id, at);
  records.add("FETCH", "Findings", report.what_happened, [&] {
    json.key("fetch");
    json.begin_object();
    json.member("fetchType", "FINDINGS");
    json.key("query");
    json.begin_object();
    if (!report.focus.account.empty()) json.member("accountId", report.focus.account);
    if (!report.focus.finding_id.empty()) json.member("findingId", report.focus.finding_id);
    json.end_object();
    json.key("result");
    json.begin_object();
    std::vector<std::string> ids;
    for (const EntityFinding& finding : report.findings) ids.push_back(finding.id);
    json.member("itemIds", ids);
    json.member("totalCount", ids.size());
    json.end_object();
    json.end_object();
  });
  for (const EntityFinding& finding : report.findings) {
    records.add("OBSERVATION", finding.type, finding.title, [&] {
      json.key("observation");
      json.begin_object();
      json.member("observationType", "FINDING_DETAIL");
      json.key("findingDetail");
      json.begin_object();
      json.member("findingId", finding.id);
      json.member("findingType", finding.type);
      json.member("severity", fmt::format("{}", finding.severity));
      json.member("accountId", finding.account);
      json.member("region", finding.region);
      json.key("activityWindow");
      json.begin_object();
      json.member_raw("firstSeenAt", epoch_seconds(finding.first_seen));
      json.member_raw("lastSeenAt", epoch_seconds(finding.last_seen));
      json.end_object();
      json.end_object();
      json.end_object();
    });
  }
  for (const Hypothesis& one : report.hypotheses) {
    std::string narrative;
    for (const ReportEvidence& evidence : one.supporting)
      narrative += fmt::format("For: {} [{}]. ", evidence.text, evidence.source);
    for (const ReportEvidence& evidence : one.against)
      narrative += fmt::format("Against: {} [{}]. ", evidence.text, evidence.source);
    if (narrative.empty()) narrative = "Nothing that is kept speaks for or against it.";
    records.add("ANALYSIS", one.statement, narrative, [&] {
      json.key("analysis");
      json.begin_object();
      json.member("analysisType", "THREAT_ASSESSMENT");
      json.key("threatAssessment");
      json.begin_object();
      json.member("classification", one.name);
      json.member("assessment", one.assessment());
      json.member("threatConfidence", one.assessment() == "likely"     ? "HIGH"
                                      : one.assessment() == "possible" ? "MEDIUM"
                                                                       : "LOW");
      json.end_object();
      json.end_object();
    });
  }
  records.add("OBSERVATION", "Next steps", {}, [&] {
    json.key("observation");
    json.begin_object();
    json.member("observationType", "RECOMMENDATION");
    write_recommendations(json, report);
    json.end_object();
  });
  json.end_array();
}

std::string stored_form(const Call& call, const InvestigationReport& report, std::string_view id) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("id", id);
  json.member("at", call.now);
  json.member("prompt", *call.text("triggerPrompt"));
  json.member("by", shortened(call.caller.profile, by_max));
  json.member("type", name_of(report.focus.type));
  json.member("findingId", report.focus.finding_id);
  json.member("accountId", report.focus.account);
  json.member("from", report.from);
  json.member("to", report.to);
  json.member("title", shortened(report.title, title_max));
  json.member("riskLevel", report.risk_level());
  json.member("confidence", report.confidence());
  std::string risk =
      report.findings.empty()
          ? std::string("No finding is about those involved.")
          : fmt::format("The most severe of {} findings is {} of {}.", report.findings.size(),
                        report.severity(),
                        std::ranges::max_element(report.findings, {}, &EntityFinding::severity)->type);
  if (!report.hypotheses.empty())
    risk += fmt::format(" {} This is {}.", report.hypotheses.front().statement,
                        report.hypotheses.front().assessment());
  json.member("risk", shortened(std::move(risk), risk_max));
  json.member("summary", report.summary());
  json.key("summaryData");
  write_summary_data(json, report);
  json.key("records");
  write_records(json, report, id, call.now);
  json.key("report");
  write_report(json, report);
  json.end_object();
  return out;
}

struct Kept {
  std::string id;
  simdjson::dom::parser parser;
  element body;
  std::string text(const char* name) const {
    std::string_view value;
    return body[name].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  }
  std::int64_t number(const char* name) const {
    std::int64_t value = 0;
    return body[name].get(value) == simdjson::SUCCESS ? value : 0;
  }
};

std::expected<std::unique_ptr<Kept>, ApiError> read(const Setting& setting) {
  auto kept = std::make_unique<Kept>();
  kept->id = setting.id;
  if (kept->parser.parse(setting.body).get(kept->body) != simdjson::SUCCESS) return internal_error();
  return kept;
}

std::expected<std::unique_ptr<Kept>, ApiError> load(const Call& call, const std::string& id) {
  const auto found = call.store().get_setting(call.caller.account, call.region, investigation_setting, id);
  if (!found) return store_error(found.error(), "investigationId");
  if (!*found) return resource_not_found();
  return read(**found);
}

void write_summary_row(JsonWriter& json, const Kept& kept) {
  json.begin_object();
  json.member("investigationId", kept.id);
  json.member("status", "COMPLETED");
  json.member("triggerPrompt", kept.text("prompt"));
  json.member("riskLevel", kept.text("riskLevel"));
  json.member("confidence", kept.text("confidence"));
  json.member("title", kept.text("title"));
  for (const char* name : {"accountId", "findingId"})
    if (!kept.text(name).empty()) json.member(name, kept.text(name));
  json.member_raw("startTime", epoch_seconds(kept.number("at")));
  json.member_raw("endTime", epoch_seconds(kept.number("at")));
  json.member("investigationType", kept.text("type"));
  json.end_object();
}

// Ranks of words as the API orders them.
std::string rank(std::string_view word) {
  static constexpr std::array<std::string_view, 6> words{"Info",   "Unknown", "Low",
                                                         "Medium", "High",    "Critical"};
  const auto* const at = std::ranges::find(words, word);
  return fmt::format("{}", at - words.begin());
}

std::string sort_key(const Kept& kept, std::string_view attribute) {
  const std::string time = fmt::format("{:015}", kept.number("at"));
  const std::string first = attribute == "RISK_LEVEL"   ? rank(kept.text("riskLevel"))
                            : attribute == "CONFIDENCE" ? rank(kept.text("confidence"))
                                                        : std::string();  // all are complete
  return fmt::format("{}/{}/{}", first, time, kept.id);
}

// The member of what is kept that a criterion names; nullptr for one that is not known.
const char* criterion_member(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 5> names{
      {{"STATUS", "status"},
       {"RISK_LEVEL", "riskLevel"},
       {"CONFIDENCE", "confidence"},
       {"FINDING_ID", "findingId"},
       {"INVESTIGATION_TYPE", "type"}}};
  for (const auto& [known, member] : names)
    if (known == name) return member;
  return nullptr;
}

std::expected<bool, ApiError> meets(const Call& call, const Kept& kept) {
  const auto criteria = call.member("filterCriteria");
  simdjson::dom::object criterion;
  if (!criteria || (*criteria)["criterion"].get(criterion) != simdjson::SUCCESS) return true;
  for (const auto& [name, condition] : criterion) {
    const char* member = criterion_member(name);
    if (member == nullptr) return invalid_parameter("filterCriteria");
    const std::string value = std::string_view(member) == "status" ? "COMPLETED" : kept.text(member);
    for (const bool wanted : {true, false}) {
      simdjson::dom::array values;
      if (condition[wanted ? "equals" : "notEquals"].get(values) != simdjson::SUCCESS) continue;
      const bool there = std::any_of(values.begin(), values.end(), [&](const element& one) {
        std::string_view text;
        return one.get(text) == simdjson::SUCCESS && text == value;
      });
      if (there != wanted) return false;
    }
  }
  return true;
}

}  // namespace

Answer create_investigation(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const Scope scope = call.scope();
  auto focus = focus_of(call.backend, scope, call.caller.account, *call.text("triggerPrompt"));
  if (!focus) return std::unexpected(focus.error());
  const auto report =
      investigate(call.backend, scope, entity_accounts(call.backend, call.caller, *call.members, call.region),
                  std::move(*focus));
  if (!report) return std::unexpected(report.error());
  const std::string id = new_id();
  std::vector<SettingChange> changes{{call.caller.account, call.region, std::string(investigation_setting),
                                      id, stored_form(call, *report, id)}};
  const auto all = call.store().list_settings(call.caller.account, call.region, investigation_setting);
  if (!all) return store_error(all.error(), "detectorId");
  if (all->size() >= kept_max) {
    std::vector<const Setting*> oldest;
    for (const Setting& setting : *all) oldest.push_back(&setting);
    std::ranges::sort(oldest, {}, &Setting::version);
    for (std::size_t i = 0; i + kept_max <= all->size(); ++i)
      changes.push_back(
          {oldest[i]->account, oldest[i]->region, oldest[i]->kind, oldest[i]->id, std::nullopt});
  }
  return call.commit(std::move(changes), one_member("investigationId", id));
}

Answer list_investigations(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const auto all = call.store().list_settings(call.caller.account, call.region, investigation_setting);
  if (!all) return store_error(all.error(), "detectorId");
  std::string attribute = "START_TIME", order = "DESC";
  if (const auto given = call.member("sortCriteria")) {
    std::string_view text;
    if ((*given)["attributeName"].get(text) == simdjson::SUCCESS) attribute = text;
    if ((*given)["orderBy"].get(text) == simdjson::SUCCESS) order = text;
  }
  std::vector<std::pair<std::string, std::unique_ptr<Kept>>> rows;
  for (const Setting& setting : *all) {
    auto kept = read(setting);
    if (!kept) return std::unexpected(kept.error());
    const auto wanted = meets(call, **kept);
    if (!wanted) return std::unexpected(wanted.error());
    if (!*wanted) continue;
    std::string key = sort_key(**kept, attribute);
    rows.emplace_back(std::move(key), std::move(*kept));
  }
  const bool descending = order == "DESC";
  std::ranges::sort(rows, {}, [](const auto& row) -> const std::string& { return row.first; });
  if (descending) std::ranges::reverse(rows);
  std::vector<std::string> keys;
  for (const auto& [key, kept] : rows) keys.push_back(key);
  return paged(
      call, "investigations", keys,
      [&](JsonWriter& json, std::size_t row) { write_summary_row(json, *rows[row].second); },
      LastToken::left_out, descending);
}

Answer get_investigation(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const auto found = load(call, call.uri.at("investigationId"));
  if (!found) return std::unexpected(found.error());
  const Kept& kept = **found;
  bool structured = false;
  for (const auto& [name, value] : call.query)
    if (name == "summaryFormat") structured = value == "STRUCTURED";
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("investigation");
  json.begin_object();
  json.member("investigationId", kept.id);
  json.member("status", "COMPLETED");
  json.member("triggerPrompt", kept.text("prompt"));
  json.member("triggeredBy", kept.text("by"));
  json.key("metadata");
  json.begin_object();
  json.member("version", call.backend.version.empty() ? std::string("1") : call.backend.version);
  json.key("product");
  json.begin_object();
  json.member("name", "picket");
  json.member("feature", "investigation");
  json.end_object();
  json.end_object();
  json.key("cloud");
  json.begin_object();
  json.member("provider", "AWS");
  json.member("region", call.region);
  json.member("account", kept.text("accountId").empty() ? call.caller.account : kept.text("accountId"));
  json.end_object();
  json.member("riskLevel", kept.text("riskLevel"));
  json.member("risk", kept.text("risk"));
  json.member("confidence", kept.text("confidence"));
  json.member_raw("startTime", epoch_seconds(kept.number("at")));
  json.member_raw("endTime", epoch_seconds(kept.number("at")));
  if (structured) {
    json.member_raw("summaryData", simdjson::minify(kept.body["summaryData"]));
  } else {
    json.member("summary", kept.text("summary"));
  }
  json.key("scope");
  json.begin_object();
  json.member("investigationType", kept.text("type"));
  for (const char* name : {"findingId", "accountId"})
    if (!kept.text(name).empty()) json.member(name, kept.text(name));
  json.key("queryTimeWindow");
  json.begin_object();
  json.member_raw("startTime", epoch_seconds(kept.number("from")));
  json.member_raw("endTime", epoch_seconds(kept.number("to")));
  json.end_object();
  json.end_object();
  json.end_object();
  json.end_object();
  return out;
}

Answer list_investigation_records(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const std::string id = *call.text("investigationId");
  const auto found = load(call, id);
  if (!found) return std::unexpected(found.error());
  const std::vector<std::string> types = call.strings("recordTypes");
  std::vector<element> rows;
  std::vector<std::string> keys;
  simdjson::dom::array records;
  if ((*found)->body["records"].get(records) != simdjson::SUCCESS) return internal_error();
  std::size_t number = 0;
  for (const element record : records) {
    ++number;
    std::string_view type;
    if (record["type"].get(type) != simdjson::SUCCESS) continue;
    if (!types.empty() && std::ranges::find(types, type) == types.end()) continue;
    rows.push_back(record);
    keys.push_back(fmt::format("{:06}", number));
  }
  auto page = paged(call, "records", keys,
                    [&](JsonWriter& json, std::size_t row) { json.raw(simdjson::minify(rows[row])); });
  if (!page) return page;
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("investigationId", id);
  json.member("status", "COMPLETED");
  json.end_object();
  out.pop_back();
  return out + ',' + page->substr(1);
}

}  // namespace picket::api
