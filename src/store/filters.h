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

// The tag that says until when a filter archives: "2026-12-31T00:00:00Z". GuardDuty's filters know no end, so
// it is kept where every client of the API can read and set it.
constexpr std::string_view expiry_tag = "picket:expires";

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
// Whether the tag, where there is one, is a time.
bool has_valid_expiry(const std::map<std::string, std::string>& tags);
// Absent: it archives for ever.
std::optional<TimeMs> expiry_of(const FilterSettings& filter);
SettingChange save_change(const FilterSettings& filter);
SettingChange remove_change(const FilterSettings& filter);

}  // namespace picket
