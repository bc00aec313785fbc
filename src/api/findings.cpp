// ListFindings, GetFindings, GetFindingsStatistics, ArchiveFindings, UnarchiveFindings,
// UpdateFindingsFeedback.
#include <algorithm>
#include <array>
#include <unordered_set>

#include "api/handlers.h"
#include "base/json_writer.h"
#include "store/criteria.h"

namespace picket::api {

namespace {

constexpr std::size_t page_size = 50;
constexpr std::size_t groups_default = 25;

std::expected<Criteria, ApiError> criteria_of(const Call& call) {
  auto criteria = parse_criteria(call.json("findingCriteria"));
  if (criteria) return std::move(*criteria);
  return store_error(criteria.error(), "findingCriteria");
}

std::expected<Sort, ApiError> sort_of(const Call& call) {
  Sort sort;
  const auto given = call.member("sortCriteria");
  if (!given) return sort;
  std::string_view name, order;
  if ((*given)["attributeName"].get(name) == simdjson::SUCCESS) {
    const auto attribute = find_attribute(name);
    if (!attribute) return invalid_parameter("sortCriteria.attributeName", "unknown attribute");
    sort.attribute = *attribute;
    sort.descending = false;
  }
  if ((*given)["orderBy"].get(order) == simdjson::SUCCESS) sort.descending = order == "DESC";
  return sort;
}

// The ids of the request, each once, in its order.
std::vector<std::string> finding_ids(const Call& call) {
  std::vector<std::string> ids;
  for (std::string& id : call.strings("findingIds"))
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));
  return ids;
}

Criteria with_ids(std::span<const std::string> ids) {
  Condition condition;
  condition.attribute = attribute::id();
  condition.equals.assign(ids.begin(), ids.end());
  return Criteria{{condition}};
}

// Nothing is changed unless every finding is the caller's.
std::expected<void, ApiError> require_findings(const Call& call, std::span<const std::string> ids) {
  if (ids.empty()) return {};
  const auto known = call.store().count(call.scope(), with_ids(ids));
  if (!known) return store_error(known.error(), "findingIds");
  if (*known != static_cast<std::int64_t>(ids.size()))
    return invalid_parameter("findingIds", "not every one is a finding that the caller sees in this Region");
  return {};
}

Answer set_archived(Call& call, Archived archived) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const std::vector<std::string> ids = finding_ids(call);
  if (const auto ok = require_findings(call, ids); !ok) return std::unexpected(ok.error());
  if (const auto done = call.store().set_archived(call.scope(), ids, archived); !done)
    return store_error(done.error(), "findingIds");
  return "{}";
}

Answer count_by_severity(Call& call, const Criteria& criteria) {
  const auto counts = call.store().count_by_severity(call.scope(), criteria);
  if (!counts) return store_error(counts.error(), "findingCriteria");
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("findingStatistics");
  json.begin_object();
  json.key("countBySeverity");
  json.begin_object();
  for (const auto& [severity, count] : *counts) json.member(severity, count);
  json.end_object();
  json.end_object();
  json.end_object();
  return out;
}

struct Grouping {
  std::string_view name, member;
  GroupBy group_by;
};
constexpr std::array<Grouping, 5> groupings{
    Grouping{"ACCOUNT", "groupedByAccount", GroupBy::account},
    Grouping{"DATE", "groupedByDate", GroupBy::date},
    Grouping{"FINDING_TYPE", "groupedByFindingType", GroupBy::finding_type},
    Grouping{"RESOURCE", "groupedByResource", GroupBy::resource},
    Grouping{"SEVERITY", "groupedBySeverity", GroupBy::severity}};

void write_group(JsonWriter& json, GroupBy group_by, const GroupCount& group) {
  json.begin_object();
  switch (group_by) {
    case GroupBy::account:
      json.member("accountId", group.account);
      break;
    case GroupBy::date:
      json.member_raw("date", epoch_seconds(group.date));
      json.member("severity", group.severity);
      break;
    case GroupBy::finding_type:
      json.member("findingType", group.finding_type);
      break;
    case GroupBy::resource:
      json.member("accountId", group.account);
      json.member("resourceId", group.resource_id);
      json.member("resourceType", group.resource_type);
      break;
    case GroupBy::severity:
      json.member("severity", group.severity);
      break;
  }
  json.member("totalFindings", group.total);
  json.member_raw("lastGeneratedAt", epoch_seconds(group.last_generated_at));
  json.end_object();
}

Answer grouped(Call& call, const Criteria& criteria, std::string_view name) {
  const auto grouping = std::ranges::find(groupings, name, &Grouping::name);
  const auto groups_max = static_cast<std::size_t>(call.number("maxResults").value_or(groups_default));
  const bool descending = call.text("orderBy").value_or("DESC") == "DESC";
  const auto groups =
      call.store().statistics(call.scope(), criteria, grouping->group_by, descending, groups_max);
  if (!groups) return store_error(groups.error(), "findingCriteria");
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("findingStatistics");
  json.begin_object();
  json.key(grouping->member);
  json.begin_array();
  for (const GroupCount& group : *groups) write_group(json, grouping->group_by, group);
  json.end_array();
  json.end_object();
  json.end_object();
  return out;
}

}  // namespace

Answer list_findings(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const auto criteria = criteria_of(call);
  if (!criteria) return std::unexpected(criteria.error());
  const auto sort = sort_of(call);
  if (!sort) return std::unexpected(sort.error());
  const auto ids_max = static_cast<std::size_t>(call.number("maxResults").value_or(page_size));
  const auto page =
      call.store().list(call.scope(), *criteria, *sort, ids_max, call.text("nextToken").value_or(""));
  if (!page) return store_error(page.error(), "nextToken");
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("findingIds", page->ids);
  json.member("nextToken", page->next_token);
  json.end_object();
  return out;
}

Answer get_findings(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  std::vector<std::string> ids = finding_ids(call);
  if (call.member("sortCriteria") && !ids.empty()) {
    const auto sort = sort_of(call);
    if (!sort) return std::unexpected(sort.error());
    auto page = call.store().list(call.scope(), with_ids(ids), *sort, ids.size(), "");
    if (!page) return store_error(page.error(), "findingIds");
    ids = std::move(page->ids);
  }
  const auto findings = call.store().get(call.scope(), ids);
  if (!findings) return store_error(findings.error(), "findingIds");
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("findings");
  json.begin_array();
  for (const Finding& finding : *findings) json.raw(api_form(finding.document));
  json.end_array();
  json.end_object();
  return out;
}

Answer get_findings_statistics(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const auto criteria = criteria_of(call);
  if (!criteria) return std::unexpected(criteria.error());
  const bool by_type = !call.strings("findingStatisticTypes").empty();
  const auto group_by = call.text("groupBy");
  if (by_type == group_by.has_value()) return invalid_parameters();
  if (group_by) return grouped(call, *criteria, *group_by);
  if (call.text("orderBy")) return invalid_parameter("orderBy", "it goes with groupBy only");
  return count_by_severity(call, *criteria);
}

Answer archive_findings(Call& call) { return set_archived(call, Archived::manual); }

Answer unarchive_findings(Call& call) { return set_archived(call, Archived::no); }

Answer update_findings_feedback(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const std::vector<std::string> ids = finding_ids(call);
  if (const auto ok = require_findings(call, ids); !ok) return std::unexpected(ok.error());
  if (const auto done = call.store().set_feedback(call.scope(), ids, *call.text("feedback")); !done)
    return store_error(done.error(), "feedback");
  return "{}";
}

}  // namespace picket::api
