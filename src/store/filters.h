// The filters of GuardDuty's API, as the settings of the store hold them (kind "filter", by name). Those with
// the action ARCHIVE suppress: what they match is archived when it is raised.
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

struct FilterSettings {
  std::string account, region, name;
  std::string description;
  std::string action = "NOOP";   // or "ARCHIVE"
  std::int64_t rank = 1;         // 1 comes first
  std::string finding_criteria;  // JSON as the client sent it
  TimeMs created_at = 0, updated_at = 0;
  std::int64_t version = 1;  // grows with every update
  std::map<std::string, std::string> tags;
};

Result<std::optional<FilterSettings>> load_filter(FindingStore& store, std::string_view account,
                                                  std::string_view region, std::string_view name);
// Ordered by (account, Region, rank, name); an absent account or Region means all.
Result<std::vector<FilterSettings>> load_filters(FindingStore& store,
                                                 std::optional<std::string_view> account = {},
                                                 std::optional<std::string_view> region = {});
SettingChange save_change(const FilterSettings& filter);
SettingChange remove_change(const FilterSettings& filter);

}  // namespace picket
