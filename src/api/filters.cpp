// CreateFilter, GetFilter, ListFilters, UpdateFilter, DeleteFilter.
#include "store/filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/handlers.h"
#include "api/paging.h"
#include "api/tagged.h"
#include "base/json_writer.h"
#include "store/criteria.h"

namespace picket::api {

namespace {

constexpr std::size_t filters_max = 100;  // of an account in a Region
constexpr std::int64_t rank_max = 100;

bool is_filter_name(std::string_view name) {
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::expected<std::vector<FilterSettings>, ApiError> filters_here(const Call& call) {
  auto filters = load_filters(call.store(), call.caller.account, call.region);
  if (!filters) return store_error(filters.error(), "filterName");
  return std::move(*filters);
}

// Ranks are distinct: a filter that comes to a rank pushes those there up to the next free rank, or down when
// there is none. Answers the filters that moved.
std::vector<FilterSettings> make_room(std::vector<FilterSettings> others, std::int64_t rank) {
  std::set<std::int64_t> taken;
  for (const FilterSettings& other : others) taken.insert(other.rank);
  if (!taken.contains(rank)) return {};
  std::int64_t up = rank, down = rank;
  while (taken.contains(up)) ++up;
  while (taken.contains(down)) --down;
  const bool upwards = up <= rank_max;
  std::vector<FilterSettings> moved;
  for (FilterSettings& other : others) {
    const bool pushed =
        upwards ? other.rank >= rank && other.rank < up : other.rank <= rank && other.rank > down;
    if (!pushed) continue;
    other.rank += upwards ? 1 : -1;
    moved.push_back(std::move(other));
  }
  return moved;
}

// What CreateFilter and UpdateFilter have in common.
std::expected<void, ApiError> apply_settings(const Call& call, FilterSettings& filter) {
  if (const auto description = call.text("description")) filter.description = *description;
  if (const auto action = call.text("action")) filter.action = *action;
  if (const auto rank = call.number("rank")) filter.rank = *rank;
  if (call.member("findingCriteria")) {
    filter.finding_criteria = call.json("findingCriteria");
    if (const auto criteria = parse_criteria(filter.finding_criteria, CriteriaUse::filter); !criteria)
      return store_error(criteria.error(), "findingCriteria");
  }
  filter.updated_at = call.now;
  return {};
}

Answer save(Call& call, const FilterSettings& filter, std::vector<FilterSettings> others) {
  std::erase_if(others, [&](const FilterSettings& other) { return other.name == filter.name; });
  std::vector<SettingChange> changes{save_change(filter)};
  for (const FilterSettings& moved : make_room(std::move(others), filter.rank))
    changes.push_back(save_change(moved));
  return call.commit(std::move(changes), one_member("name", filter.name));
}

std::expected<FilterSettings, ApiError> require_filter(const Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  auto filter = load_filter(call.store(), call.caller.account, call.region, call.uri.at("filterName"));
  if (!filter) return store_error(filter.error(), "filterName");
  if (!*filter) return no_such_resource();
  return std::move(**filter);
}

}  // namespace

std::unexpected<ApiError> no_expiry() {
  return bad_request(fmt::format(
      "The request is rejected because the tag {} is no time such as 2026-12-31T00:00:00Z.", expiry_tag));
}

Answer create_filter(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  auto others = filters_here(call);
  if (!others) return std::unexpected(others.error());
  FilterSettings filter{.account = call.caller.account, .region = call.region, .name = *call.text("name")};
  if (!is_filter_name(filter.name))
    return invalid_parameter("name", "3 to 64 of letters, digits, '.', '_' and '-'");
  if (std::ranges::find(*others, filter.name, &FilterSettings::name) != others->end())
    return bad_request("The request is rejected because a filter with the given name already exists.");
  if (others->size() >= filters_max)
    return bad_request(fmt::format(
        "The request is rejected because the current account has reached the limit of {} filters.",
        filters_max));
  if (auto ok = apply_settings(call, filter); !ok) return std::unexpected(ok.error());
  filter.created_at = call.now;
  filter.tags = string_map(call.member("tags"));
  if (!has_valid_expiry(filter.tags)) return no_expiry();
  return save(call, filter, std::move(*others));
}

Answer get_filter(Call& call) {
  const auto filter = require_filter(call);
  if (!filter) return std::unexpected(filter.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("name", filter->name);
  json.member("description", filter->description);
  json.member("action", filter->action);
  json.member("rank", filter->rank);
  json.member_raw("findingCriteria", filter->finding_criteria);
  json.member_raw("createdAt", epoch_seconds(filter->created_at));
  json.member_raw("updatedAt", epoch_seconds(filter->updated_at));
  json.member("version", filter->version);
  json.member("tags", filter->tags);
  json.end_object();
  return out;
}

Answer list_filters(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const auto filters = filters_here(call);
  if (!filters) return std::unexpected(filters.error());
  std::vector<std::string> keys;
  for (const FilterSettings& filter : *filters)
    keys.push_back(fmt::format("{:03} {}", filter.rank, filter.name));
  return paged(call, "filterNames", keys,
               [&](JsonWriter& json, std::size_t row) { json.value((*filters)[row].name); });
}

Answer update_filter(Call& call) {
  auto filter = require_filter(call);
  if (!filter) return std::unexpected(filter.error());
  if (auto ok = apply_settings(call, *filter); !ok) return std::unexpected(ok.error());
  ++filter->version;
  auto others = filters_here(call);
  if (!others) return std::unexpected(others.error());
  return save(call, *filter, std::move(*others));
}

Answer delete_filter(Call& call) {
  const auto filter = require_filter(call);
  if (!filter) return std::unexpected(filter.error());
  return call.commit({remove_change(*filter)}, "{}");
}

}  // namespace picket::api
