// The sets of GuardDuty's API: lists of addresses and names that a user keeps at a place of his own, as the
// settings of the store hold them (kinds "ip_set", "threat_intel_set", "threat_entity_set",
// "trusted_entity_set"). What a set's location holds is fetched by pipeline/list_keeper and kept by its hash.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/finding_store.h"

namespace picket {

enum class ListSetKind : std::uint8_t { ip_set, threat_intel_set, threat_entity_set, trusted_entity_set };
constexpr ListSetKind list_set_kinds[] = {ListSetKind::ip_set, ListSetKind::threat_intel_set,
                                          ListSetKind::threat_entity_set, ListSetKind::trusted_entity_set};
std::string_view setting_kind(ListSetKind kind);  // "ip_set"

enum class ListSetStatus : std::uint8_t {
  inactive,
  activating,  // to be fetched; content fetched before stays in effect meanwhile
  active,
  deactivating,
  error,
  delete_pending,
  deleted,  // still answered for a while, because clients wait for it
};
std::string_view to_string(ListSetStatus status);  // GuardDuty's word: "DELETE_PENDING"

struct ListSet {
  ListSetKind kind = ListSetKind::ip_set;
  std::string account, region, id;
  std::string name, format, location, expected_bucket_owner;
  ListSetStatus status = ListSetStatus::inactive;
  std::string content_sha256;  // of what is in effect; empty: nothing is
  std::int64_t entries = 0;    // of it
  std::string error_details;
  TimeMs created_at = 0, updated_at = 0;
  std::map<std::string, std::string> tags;
  std::uint64_t version = 0;  // of the stored row

  bool is_gone() const { return status == ListSetStatus::delete_pending || status == ListSetStatus::deleted; }
  bool in_effect() const {
    return !content_sha256.empty() &&
           (status == ListSetStatus::active || status == ListSetStatus::activating);
  }
};

// A stored row that cannot be read is an error, not an absent set.
Result<std::optional<ListSet>> load_list_set(FindingStore& store, ListSetKind kind, std::string_view account,
                                             std::string_view region, std::string_view id);
// Ordered by (account, Region, id); an absent account or Region means all.
Result<std::vector<ListSet>> load_list_sets(FindingStore& store, ListSetKind kind,
                                            std::optional<std::string_view> account = {},
                                            std::optional<std::string_view> region = {});
SettingChange save_change(const ListSet& set);
SettingChange remove_change(const ListSet& set);

}  // namespace picket
