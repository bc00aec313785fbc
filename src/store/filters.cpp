#include "store/filters.h"

#include <algorithm>
#include <tuple>

#include "base/json_writer.h"
#include "store/stored.h"

namespace picket {

namespace {

constexpr std::string_view setting_kind = "filter";

std::string write(const FilterSettings& filter) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("description", filter.description);
  json.member("action", filter.action);
  json.member("rank", filter.rank);
  json.member("finding_criteria", filter.finding_criteria);
  json.member("created_at", filter.created_at);
  json.member("updated_at", filter.updated_at);
  json.member("version", filter.version);
  json.member("tags", filter.tags);
  json.end_object();
  return out;
}

FilterSettings read(const Setting& setting, const simdjson::dom::element& root) {
  const auto text = [&](std::string_view name) { return stored_text(root, name); };
  FilterSettings filter{.account = setting.account, .region = setting.region, .name = setting.id};
  filter.description = text("description");
  filter.action = text("action");
  filter.rank = root["rank"];
  filter.finding_criteria = text("finding_criteria");
  filter.created_at = root["created_at"];
  filter.updated_at = root["updated_at"];
  filter.version = root["version"];
  filter.tags = stored_texts(root, "tags");
  return filter;
}

}  // namespace

Result<std::optional<FilterSettings>> load_filter(FindingStore& store, std::string_view account,
                                                  std::string_view region, std::string_view name) {
  return load_stored(store, account, region, setting_kind, name, read);
}

Result<std::vector<FilterSettings>> load_filters(FindingStore& store, std::optional<std::string_view> account,
                                                 std::optional<std::string_view> region) {
  auto filters = load_all_stored(store, account, region, setting_kind, read);
  if (!filters) return filters;
  std::ranges::sort(*filters, {}, [](const FilterSettings& filter) {
    return std::tie(filter.account, filter.region, filter.rank, filter.name);
  });
  return filters;
}

bool has_valid_expiry(const std::map<std::string, std::string>& tags) {
  const auto found = tags.find(std::string(expiry_tag));
  return found == tags.end() || parse_time(found->second);
}

std::optional<TimeMs> expiry_of(const FilterSettings& filter) {
  const auto found = filter.tags.find(std::string(expiry_tag));
  return found == filter.tags.end() ? std::nullopt : parse_time(found->second);
}

SettingChange save_change(const FilterSettings& filter) {
  return {filter.account, filter.region, std::string(setting_kind), filter.name, write(filter)};
}

SettingChange remove_change(const FilterSettings& filter) {
  return {filter.account, filter.region, std::string(setting_kind), filter.name, std::nullopt};
}

}  // namespace picket
