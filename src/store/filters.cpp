#include "store/filters.h"

#include <simdjson.h>

#include <algorithm>
#include <tuple>

#include "base/json_writer.h"

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
  json.key("tags");
  json.begin_object();
  for (const auto& [key, value] : filter.tags) json.member(key, value);
  json.end_object();
  json.end_object();
  return out;
}

Result<FilterSettings> read(const Setting& setting) try {
  simdjson::dom::parser parser;
  const simdjson::dom::element root = parser.parse(setting.body);
  const auto text = [&](std::string_view name) { return std::string(std::string_view(root[name])); };
  FilterSettings filter{.account = setting.account, .region = setting.region, .name = setting.id};
  filter.description = text("description");
  filter.action = text("action");
  filter.rank = root["rank"];
  filter.finding_criteria = text("finding_criteria");
  filter.created_at = root["created_at"];
  filter.updated_at = root["updated_at"];
  filter.version = root["version"];
  for (const auto& [key, value] : simdjson::dom::object(root["tags"]))
    filter.tags[std::string(key)] = std::string(std::string_view(value));
  return filter;
} catch (const simdjson::simdjson_error& error) {
  return fail(ErrorKind::internal, std::string("a stored filter cannot be read: ") + error.what(),
              setting.id);
}

}  // namespace

Result<std::optional<FilterSettings>> load_filter(FindingStore& store, std::string_view account,
                                                  std::string_view region, std::string_view name) {
  const auto setting = store.get_setting(account, region, setting_kind, name);
  if (!setting) return std::unexpected(setting.error());
  if (!*setting) return std::nullopt;
  return read(**setting);
}

Result<std::vector<FilterSettings>> load_filters(FindingStore& store, std::optional<std::string_view> account,
                                                 std::optional<std::string_view> region) {
  const auto settings = store.list_settings(account, region, setting_kind);
  if (!settings) return std::unexpected(settings.error());
  std::vector<FilterSettings> filters;
  for (const Setting& setting : *settings) {
    auto filter = read(setting);
    if (!filter) return std::unexpected(filter.error());
    filters.push_back(std::move(*filter));
  }
  std::ranges::sort(filters, {}, [](const FilterSettings& filter) {
    return std::tie(filter.account, filter.region, filter.rank, filter.name);
  });
  return filters;
}

SettingChange save_change(const FilterSettings& filter) {
  return {filter.account, filter.region, std::string(setting_kind), filter.name, write(filter)};
}

SettingChange remove_change(const FilterSettings& filter) {
  return {filter.account, filter.region, std::string(setting_kind), filter.name, std::nullopt};
}

}  // namespace picket
