#include "store/list_sets.h"

#include <algorithm>
#include <array>

#include "base/json_writer.h"
#include "store/stored.h"

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
  json.member("tags", set.tags);
  json.end_object();
  return out;
}

ListSet read(ListSetKind kind, const Setting& setting, const simdjson::dom::element& root) {
  const auto text = [&](std::string_view name) { return stored_text(root, name); };
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
  set.tags = stored_texts(root, "tags");
  set.version = setting.version;
  return set;
}

auto reader(ListSetKind kind) {
  return [kind](const Setting& setting, const simdjson::dom::element& root) {
    return read(kind, setting, root);
  };
}

}  // namespace

std::string_view setting_kind(ListSetKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }
std::string_view to_string(ListSetStatus status) { return status_names[static_cast<std::size_t>(status)]; }

Result<std::optional<ListSet>> load_list_set(FindingStore& store, ListSetKind kind, std::string_view account,
                                             std::string_view region, std::string_view id) {
  return load_stored(store, account, region, setting_kind(kind), id, reader(kind));
}

Result<std::vector<ListSet>> load_list_sets(FindingStore& store, ListSetKind kind,
                                            std::optional<std::string_view> account,
                                            std::optional<std::string_view> region) {
  return load_all_stored(store, account, region, setting_kind(kind), reader(kind));
}

SettingChange save_change(const ListSet& set) {
  return {set.account, set.region, std::string(setting_kind(set.kind)), set.id, write(set)};
}

SettingChange remove_change(const ListSet& set) {
  return {set.account, set.region, std::string(setting_kind(set.kind)), set.id, std::nullopt};
}

}  // namespace picket
