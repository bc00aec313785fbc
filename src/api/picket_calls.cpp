#include "api/picket_calls.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <ranges>

#include "api/entity_page.h"
#include "api/investigation_report.h"
#include "base/json_writer.h"
#include "respond/formats.h"
#include "rules/rule_set.h"
#include "rules/sigma.h"
#include "store/list_sets.h"

namespace picket::api {

namespace {

constexpr std::string_view findings_root = "/picket/v1/findings/", records_end = "/records";
constexpr std::string_view investigations_root = "/picket/v1/investigations/";
constexpr std::size_t found_max = 200, found_default = 50, name_max = 2048;

bool hex_id(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::expected<std::optional<EntityKind>, ApiError> kind_of(const PicketCall& call) {
  const std::string_view given = call.parameter("kind");
  if (given.empty()) return std::nullopt;
  const auto kind = parse_entity_kind(given);
  if (!kind) return invalid_parameter("kind");
  return kind;
}

ApiError not_kept() {
  return {.status = 404,
          .type = "ResourceNotFoundException",
          .code = "ResourceNotFoundException",
          .message =
              "The request is rejected because entities are not kept here: limits.entity_bytes_max is "
              "0."};
}

// Of one account where the caller names one, else of all that it may see.
std::expected<Entities::Accounts, ApiError> accounts_of(const PicketCall& call) {
  Entities::Accounts allowed = entity_accounts(call.backend, call.caller, *call.members, call.region);
  const std::string_view wanted = call.parameter("account");
  if (wanted.empty()) return allowed;
  // Not there and not yours are the same: nothing is found.
  if (allowed && std::ranges::find(*allowed, wanted) == allowed->end()) return std::vector<std::string>{};
  return std::vector<std::string>{std::string(wanted)};
}

Answer list_entities(const PicketCall& call) {
  const auto kind = kind_of(call);
  if (!kind) return std::unexpected(kind.error());
  const std::string_view text = call.parameter("contains"), limit = call.parameter("maxResults");
  if (text.size() > name_max) return invalid_parameter("contains");
  std::size_t most = found_default;
  if (!limit.empty()) {
    const auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), most);
    if (error != std::errc{} || end != limit.data() + limit.size() || most < 1 || most > found_max)
      return invalid_parameter("maxResults");
  }
  if (call.backend.entities == nullptr) return std::unexpected(not_kept());
  const auto accounts = accounts_of(call);
  if (!accounts) return std::unexpected(accounts.error());
  auto found = call.backend.entities->find(*accounts, *kind, text, most + 1);
  const bool more = found.size() > most;
  if (more) found.resize(most);
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("entities");
  json.begin_array();
  for (const auto& one : found) {
    json.begin_object();
    json.member("kind", name_of(one.kind));
    json.member("name", one.name);
    json.member("accountId", one.account);
    json.member("firstSeen", format_time(one.first));
    json.member("lastSeen", format_time(one.last));
    json.member("total", one.activity);
    json.end_object();
  }
  json.end_array();
  json.member("more", more);
  json.end_object();
  return out;
}

Answer get_entity(const PicketCall& call) {
  const auto kind = kind_of(call);
  if (!kind) return std::unexpected(kind.error());
  if (!*kind) return invalid_parameter("kind");
  EntityQuery query{.kind = **kind, .name = std::string(call.parameter("name")), .from = {}, .to = {}};
  if (query.name.empty() || query.name.size() > name_max) return invalid_parameter("name");
  for (const auto& [name, time] : {std::pair{"from", &query.from}, std::pair{"to", &query.to}}) {
    const std::string_view given = call.parameter(name);
    if (given.empty()) continue;
    *time = parse_time(given);
    if (!*time || **time < 0) return invalid_parameter(name);
  }
  if (call.backend.entities == nullptr) return std::unexpected(not_kept());
  const auto accounts = accounts_of(call);
  if (!accounts) return std::unexpected(accounts.error());
  // Findings of all Regions in which the caller sees those accounts, as the rest is of all Regions too.
  Scope findings = call.scope();
  findings.accounts = *accounts;
  findings.region.reset();
  const auto page = entity_page(call.backend, findings, *accounts, std::move(query));
  if (!page) return std::unexpected(page.error());
  if (!*page) return resource_not_found();
  std::string out;
  JsonWriter json(out);
  write_entity_page(json, **page, call.backend);
  return out;
}

Answer get_finding_records(const PicketCall& call) {
  const std::string id(
      call.path.substr(findings_root.size(), call.path.size() - findings_root.size() - records_end.size()));
  const auto found = call.backend.store->get(call.scope(), {&id, 1});
  if (!found) return store_error(found.error(), "findingId");
  if (found->empty()) return resource_not_found();
  // The first ones: each is looked for in its object, which must be read up to it.
  constexpr std::size_t records_max = 20;
  simdjson::dom::parser parser, inner;
  simdjson::dom::element root, info;
  std::string_view value;
  simdjson::dom::array proof;
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("findingId", id);
  json.key("records");
  json.begin_array();
  std::size_t total = 0;
  const bool has_proof =
      parser.parse(found->front().document).get(root) == simdjson::SUCCESS &&
      ((root.at_pointer("/service/additionalInfo/value").get(value) == simdjson::SUCCESS &&
        inner.parse(value.data(), value.size()).get(info) == simdjson::SUCCESS &&
        info.at_pointer("/picket/records").get(proof) == simdjson::SUCCESS) ||
       root.at_pointer("/service/additionalInfo/picket/records").get(proof) == simdjson::SUCCESS);
  if (has_proof) {
    for (const simdjson::dom::element one : proof) {
      std::string_view object, event;
      std::uint64_t position = 0;
      if (one["object"].get(object) != simdjson::SUCCESS ||
          one["position"].get(position) != simdjson::SUCCESS)
        continue;
      if (++total > records_max) continue;
      json.begin_object();
      json.member("object", object);
      json.member("position", position);
      if (one["event_id"].get(event) == simdjson::SUCCESS) json.member("eventId", event);
      if (!call.backend.read_record) {
        json.member("unavailable", "records cannot be read here");
      } else if (const auto text = call.backend.read_record(std::string(object), position)) {
        json.member("record", *text);
      } else {
        json.member("unavailable", text.error().message());
      }
      json.end_object();
    }
  }
  json.end_array();
  json.member("total", total);
  json.end_object();
  return out;
}

// In the order of the ids; what the caller does not see is left out.
Answer get_findings_as_ocsf(const PicketCall& call) {
  constexpr std::size_t ids_max = 50;  // as GetFindings
  std::vector<std::string> ids;
  for (const auto part : std::views::split(call.parameter("findingIds"), ',')) {
    const std::string_view id(part.begin(), part.end());
    if (!hex_id(id) || ids.size() == ids_max) return invalid_parameter("findingIds");
    ids.emplace_back(id);
  }
  if (ids.empty()) return invalid_parameter("findingIds");
  const auto found = call.backend.store->get(call.scope(), ids);
  if (!found) return store_error(found.error(), "findingIds");
  simdjson::dom::parser parser;
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("findings");
  json.begin_array();
  for (const std::string& id : ids) {
    const auto one = std::ranges::find(*found, id, &Finding::id);
    if (one == found->end()) continue;
    const respond::FindingEvent event = respond::event_of(
        one->document, id, one->epoch,
        one->created_at == one->updated_at ? FindingChange::created : FindingChange::updated);
    simdjson::dom::element detail;
    if (parser.parse(event.detail).get(detail) == simdjson::SUCCESS) json.raw(respond::ocsf(event, detail));
  }
  json.end_array();
  json.end_object();
  return out;
}

Answer list_feeds(const PicketCall& call) {
  const auto feeds = call.backend.feeds ? call.backend.feeds() : Result<std::string>("[]");
  if (!feeds) return store_error(feeds.error(), "feeds");
  return R"({"feeds":)" + *feeds + "}";
}

// What the rules hit is told as far as it is the caller's: of all accounts only to who administers all.
Answer list_rules(const PicketCall& call) {
  const bool all = call.caller.administers_all;
  std::map<std::string_view, std::uint64_t> counted;
  const DryRunCounts dry_runs = call.backend.dry_runs ? call.backend.dry_runs() : DryRunCounts{};
  const auto seen = call.scope().accounts;
  for (const auto& [key, count] : dry_runs) {
    if (!seen || std::ranges::find(*seen, key.account) != seen->end()) counted[key.rule] += count;
  }
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("rules");
  json.begin_array();
  const rules::RuleSet* set = call.backend.rule_set;
  for (std::size_t i = 0; set != nullptr && i < set->rules().size(); ++i) {
    const rules::Rule& rule = set->rules()[i];
    if (rule.origin != Origin::rule) continue;
    json.begin_object();
    json.member("id", rule.id);
    json.member("title", rule.title);
    json.member("description", rule.description);
    json.member("log", name_of(rule.log));
    json.member("severity", rule.severity);
    if (!rule.technique.empty()) json.member("technique", rule.technique);
    if (rule.raises) json.member("findingType", rule.type);
    json.member("mode", !rule.raises ? "FOR_CORRELATIONS" : rule.dry_run ? "DRY_RUN" : "LIVE");
    json.member("correlation", rule.correlation.has_value());
    if (all) {
      json.member("file", rule.origin_text);
      if (!rule.correlation) json.member("recordsSinceStart", set->matches(i));
    }
    if (rule.dry_run) json.member("dryRunRecords", counted[rule.name]);
    json.end_object();
  }
  json.end_array();
  json.key("refused");
  json.begin_array();
  for (const rules::RefusedRule& refused : call.backend.refused_rules) {
    if (!all) break;
    json.begin_object();
    json.member("file", refused.where);
    json.member("title", refused.title);
    json.member("reason", refused.reason);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return out;
}

// GuardDuty's operations tell no reason for the status ERROR of IP and threat intel sets.
Answer list_sets(const PicketCall& call) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("sets");
  json.begin_array();
  for (const ListSetKind kind : list_set_kinds) {
    const auto sets = load_list_sets(*call.backend.store, kind, call.caller.account, call.region);
    if (!sets) return store_error(sets.error(), "sets");
    for (const ListSet& set : *sets) {
      if (set.is_gone()) continue;
      json.begin_object();
      json.member("kind", setting_kind(kind));
      json.member("id", set.id);
      json.member("name", set.name);
      json.member("status", to_string(set.status));
      json.member("entries", set.entries);
      if (!set.error_details.empty()) json.member("errorDetails", set.error_details);
      json.end_object();
    }
  }
  json.end_array();
  json.end_object();
  return out;
}

Answer get_investigation_report(const PicketCall& call) {
  const std::string_view id = call.path.substr(investigations_root.size());
  return stored_report(*call.backend.store, call.caller.account, call.region, id);
}

}  // namespace

std::string_view PicketCall::parameter(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return {};
}

std::string_view picket_operation(std::string_view path) {
  if (path == "/picket/v1/entities") return "ListEntities";
  if (path == "/picket/v1/entity") return "GetEntity";
  if (path == "/picket/v1/feeds") return "ListFeeds";
  if (path == "/picket/v1/rules") return "ListRules";
  if (path == "/picket/v1/sets") return "ListSets";
  if (path == "/picket/v1/findings/ocsf") return "GetFindingsAsOcsf";
  if (path.starts_with(findings_root) && path.ends_with(records_end) &&
      path.size() == findings_root.size() + 32 + records_end.size() &&
      hex_id(path.substr(findings_root.size(), 32)))
    return "GetFindingRecords";
  if (path.starts_with(investigations_root) && hex_id(path.substr(investigations_root.size())))
    return "GetInvestigationReport";
  return {};
}

Answer answer_picket(const PicketCall& call) {
  const std::string_view operation = picket_operation(call.path);
  if (operation == "ListEntities") return list_entities(call);
  if (operation == "GetEntity") return get_entity(call);
  if (operation == "GetFindingRecords") return get_finding_records(call);
  if (operation == "ListFeeds") return list_feeds(call);
  if (operation == "ListRules") return list_rules(call);
  if (operation == "ListSets") return list_sets(call);
  if (operation == "GetFindingsAsOcsf") return get_findings_as_ocsf(call);
  return get_investigation_report(call);
}

}  // namespace picket::api
