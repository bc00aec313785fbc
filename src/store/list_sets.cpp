#include "store/list_sets.h"

#include <simdjson.h>

#include <algorithm>
#include <array>

#include "base/json_writer.h"

namespace picket {

namespace {

constexpr std::array<std::string_view, 4> kind_names{"ip_set", "threat_intel_set", "threat_entity_set",
                                                     "trusted_entity_set"};
constexpr std::array<std::string_view, 7> status_names{"INACTIVE", "ACTIVATING",     "ACTIVE", "DEACTIVATING",
                                                       "ERROR",    "DELETE_PENDING", "DELETED"};

std::string write(const ListSet& set) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("name", set.name);
  json.member("format", set.format);
  json.member("location", set.location);
  json.member("expected_bucket_owner", set.expected_bucket_owner);
  json.member("status", to_string(set.status));
  json.member("content_sha256", set.content_sha256);
  json.member("entries", set.entries);
  json.member("error_details", set.error_details);
  json.member("created_at", set.created_at);
  json.member("updated_at", set.updated_at);
  json.key("tags");
  json.begin_object();
  for (const auto& [key, value] : set.tags) json.member(key, value);
  json.end_object();
  json.end_object();
  return out;
}

Result<ListSet> read(ListSetKind kind, const Setting& setting) try {
  simdjson::dom::parser parser;
  const simdjson::dom::element root = parser.parse(setting.body);
  const auto text = [&](std::string_view name) { return std::string(std::string_view(root[name])); };
  ListSet set{.kind = kind, .account = setting.account, .region = setting.region, .id = setting.id};
  set.name = text("name");
  set.format = text("format");
  set.location = text("location");
  set.expected_bucket_owner = text("expected_bucket_owner");
  const auto status = std::ranges::find(status_names, std::string_view(root["status"]));
  if (status == status_names.end()) throw simdjson::simdjson_error(simdjson::INCORRECT_TYPE);
  set.status = static_cast<ListSetStatus>(status - status_names.begin());
  set.content_sha256 = text("content_sha256");
  set.entries = root["entries"];
  set.error_details = text("error_details");
  set.created_at = root["created_at"];
  set.updated_at = root["updated_at"];
  for (const auto& [key, value] : simdjson::dom::object(root["tags"]))
    set.tags[std::string(key)] = std::string(std::string_view(value));
  set.version = setting.version;
  return set;
} catch (const simdjson::simdjson_error& error) {
  return fail(ErrorKind::internal, std::string("a stored set cannot be read: ") + error.what(), setting.id);
}

}  // namespace

std::string_view setting_kind(ListSetKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }
std::string_view to_string(ListSetStatus status) { return status_names[static_cast<std::size_t>(status)]; }

Result<std::optional<ListSet>> load_list_set(FindingStore& store, ListSetKind kind, std::string_view account,
                                             std::string_view region, std::string_view id) {
  const auto setting = store.get_setting(account, region, setting_kind(kind), id);
  if (!setting) return std::unexpected(setting.error());
  if (!*setting) return std::nullopt;
  return read(kind, **setting);
}

Result<std::vector<ListSet>> load_list_sets(FindingStore& store, ListSetKind kind,
                                            std::optional<std::string_view> account,
                                            std::optional<std::string_view> region) {
  const auto settings = store.list_settings(account, region, setting_kind(kind));
  if (!settings) return std::unexpected(settings.error());
  std::vector<ListSet> sets;
  for (const Setting& setting : *settings) {
    auto set = read(kind, setting);
    if (!set) return std::unexpected(set.error());
    sets.push_back(std::move(*set));
  }
  return sets;
}

SettingChange save_change(const ListSet& set) {
  return {set.account, set.region, std::string(setting_kind(set.kind)), set.id, write(set)};
}

SettingChange remove_change(const ListSet& set) {
  return {set.account, set.region, std::string(setting_kind(set.kind)), set.id, std::nullopt};
}

}  // namespace picket
