// The five operations each of IP sets, threat intel sets, threat entity sets and trusted entity sets. What
// they change is the wanted state; pipeline/list_keeper fetches lists and moves the status on.
#include "store/list_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/handlers.h"
#include "api/ids.h"
#include "api/paging.h"
#include "base/json_writer.h"

namespace picket::api {

namespace {

struct SetNames {
  std::string_view id;       // member and path parameter
  std::string_view ids;      // of a list
  bool tells_times = false;  // and why it failed
  std::string_view what;     // for people
};
constexpr std::array<SetNames, 4> names_by_kind{
    SetNames{"ipSetId", "ipSetIds", false, "IP sets"},
    SetNames{"threatIntelSetId", "threatIntelSetIds", false, "threat intel sets"},
    SetNames{"threatEntitySetId", "threatEntitySetIds", true, "threat entity sets"},
    SetNames{"trustedEntitySetId", "trustedEntitySetIds", true, "trusted entity sets"}};

const SetNames& names_of(ListSetKind kind) { return names_by_kind[static_cast<std::size_t>(kind)]; }

unsigned sets_max(const ListSetLimits& limits, ListSetKind kind) {
  switch (kind) {
    case ListSetKind::ip_set:
      return limits.trusted_ip_sets;
    case ListSetKind::threat_intel_set:
      return limits.threat_intel_sets;
    case ListSetKind::threat_entity_set:
      return limits.threat_entity_sets;
    case ListSetKind::trusted_entity_set:
      return limits.trusted_entity_sets;
  }
  return 0;
}

constexpr std::string_view location_forms = "a location begins with s3://, https:// or file://";

bool names_a_place(std::string_view location) {
  return location.starts_with("s3://") || location.starts_with("https://") || location.starts_with("file://");
}

std::expected<std::vector<ListSet>, ApiError> sets_here(const Call& call, ListSetKind kind) {
  auto sets = load_list_sets(call.store(), kind, call.caller.account, call.region);
  if (!sets) return store_error(sets.error(), names_of(kind).id);
  return std::move(*sets);
}

std::expected<ListSet, ApiError> require_set(const Call& call, ListSetKind kind) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  auto set = load_list_set(call.store(), kind, call.caller.account, call.region,
                           call.uri.find(names_of(kind).id)->second);
  if (!set) return store_error(set.error(), names_of(kind).id);
  if (!*set) return no_such_resource();
  return std::move(**set);
}

Answer create(Call& call, ListSetKind kind) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  auto others = sets_here(call, kind);
  if (!others) return std::unexpected(others.error());
  ListSet set{.kind = kind, .account = call.caller.account, .region = call.region, .id = new_id()};
  set.name = *call.text("name");
  set.format = *call.text("format");
  set.location = *call.text("location");
  if (!names_a_place(set.location)) return invalid_parameter("location", location_forms);
  set.expected_bucket_owner = call.text("expectedBucketOwner").value_or("");
  const unsigned most = sets_max(call.backend.list_set_limits, kind);
  if (std::ranges::count_if(*others, [](const ListSet& other) { return !other.is_gone(); }) >=
      static_cast<std::ptrdiff_t>(most))
    return bad_request(fmt::format(
        "The request is rejected because the current account has reached the limit of {} {} in this Region.",
        most, names_of(kind).what));
  set.status = *call.flag("activate") ? ListSetStatus::activating : ListSetStatus::inactive;
  set.created_at = set.updated_at = call.now;
  set.tags = string_map(call.member("tags"));
  return call.commit({save_change(set)}, one_member(names_of(kind).id, set.id));
}

Answer get(Call& call, ListSetKind kind) {
  const auto set = require_set(call, kind);
  if (!set) return std::unexpected(set.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("name", set->name);
  json.member("format", set->format);
  json.member("location", set->location);
  if (!set->expected_bucket_owner.empty()) json.member("expectedBucketOwner", set->expected_bucket_owner);
  json.member("status", to_string(set->status));
  if (names_of(kind).tells_times) {
    json.member_raw("createdAt", epoch_seconds(set->created_at));
    json.member_raw("updatedAt", epoch_seconds(set->updated_at));
    if (!set->error_details.empty()) json.member("errorDetails", set->error_details);
  }
  json.member("tags", set->tags);
  json.end_object();
  return out;
}

Answer list(Call& call, ListSetKind kind) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  auto sets = sets_here(call, kind);
  if (!sets) return std::unexpected(sets.error());
  std::vector<std::string> ids;
  for (const ListSet& set : *sets) {
    if (!set.is_gone()) ids.push_back(set.id);
  }
  return paged(call, names_of(kind).ids, ids,
               [&](JsonWriter& json, std::size_t row) { json.value(ids[row]); });
}

// A new place, or "activate" once more, fetches the list again; until it is there the old content holds.
Answer update(Call& call, ListSetKind kind) {
  auto set = require_set(call, kind);
  if (!set) return std::unexpected(set.error());
  if (set->is_gone()) return no_such_resource();
  if (const auto name = call.text("name")) set->name = *name;
  bool moved = false;
  if (const auto location = call.text("location")) {
    if (!names_a_place(*location)) return invalid_parameter("location", location_forms);
    moved = *location != set->location;
    set->location = *location;
  }
  if (const auto owner = call.text("expectedBucketOwner")) set->expected_bucket_owner = *owner;
  const bool was_on = set->status == ListSetStatus::active || set->status == ListSetStatus::activating;
  const bool on = call.flag("activate").value_or(was_on);
  if (on && (moved || call.flag("activate") || !was_on)) set->status = ListSetStatus::activating;
  if (!on && was_on) set->status = ListSetStatus::deactivating;
  if (!on && set->status == ListSetStatus::error) set->status = ListSetStatus::inactive;
  if (set->status != ListSetStatus::error) set->error_details.clear();
  set->updated_at = call.now;
  return call.commit({save_change(*set)}, "{}");
}

Answer remove(Call& call, ListSetKind kind) {
  auto set = require_set(call, kind);
  if (!set) return std::unexpected(set.error());
  if (set->is_gone()) return no_such_resource();
  set->status = ListSetStatus::delete_pending;
  set->updated_at = call.now;
  return call.commit({save_change(*set)}, "{}");
}

}  // namespace

Answer create_ip_set(Call& call) { return create(call, ListSetKind::ip_set); }
Answer get_ip_set(Call& call) { return get(call, ListSetKind::ip_set); }
Answer list_ip_sets(Call& call) { return list(call, ListSetKind::ip_set); }
Answer update_ip_set(Call& call) { return update(call, ListSetKind::ip_set); }
Answer delete_ip_set(Call& call) { return remove(call, ListSetKind::ip_set); }

Answer create_threat_intel_set(Call& call) { return create(call, ListSetKind::threat_intel_set); }
Answer get_threat_intel_set(Call& call) { return get(call, ListSetKind::threat_intel_set); }
Answer list_threat_intel_sets(Call& call) { return list(call, ListSetKind::threat_intel_set); }
Answer update_threat_intel_set(Call& call) { return update(call, ListSetKind::threat_intel_set); }
Answer delete_threat_intel_set(Call& call) { return remove(call, ListSetKind::threat_intel_set); }

Answer create_threat_entity_set(Call& call) { return create(call, ListSetKind::threat_entity_set); }
Answer get_threat_entity_set(Call& call) { return get(call, ListSetKind::threat_entity_set); }
Answer list_threat_entity_sets(Call& call) { return list(call, ListSetKind::threat_entity_set); }
Answer update_threat_entity_set(Call& call) { return update(call, ListSetKind::threat_entity_set); }
Answer delete_threat_entity_set(Call& call) { return remove(call, ListSetKind::threat_entity_set); }

Answer create_trusted_entity_set(Call& call) { return create(call, ListSetKind::trusted_entity_set); }
Answer get_trusted_entity_set(Call& call) { return get(call, ListSetKind::trusted_entity_set); }
Answer list_trusted_entity_sets(Call& call) { return list(call, ListSetKind::trusted_entity_set); }
Answer update_trusted_entity_set(Call& call) { return update(call, ListSetKind::trusted_entity_set); }
Answer delete_trusted_entity_set(Call& call) { return remove(call, ListSetKind::trusted_entity_set); }

}  // namespace picket::api
