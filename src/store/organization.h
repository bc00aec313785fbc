// The organisation whose accounts picket watches, and what its administrator set for new members. The
// delegated administrator is kept among the settings (kind "organization_admin" of the Region, no account);
// what it set under kind "organization" of its account and Region.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/finding_store.h"

namespace picket {

enum class AutoEnable : std::uint8_t { none, new_accounts, all };
std::string_view name_of(AutoEnable value);  // "NONE", "NEW", "ALL"
std::optional<AutoEnable> parse_auto_enable(std::string_view name);

struct OrganizationFeature {
  AutoEnable auto_enable = AutoEnable::none;
  std::map<std::string, AutoEnable> additional;  // additionalConfiguration
};

struct OrganizationSettings {
  AutoEnable members = AutoEnable::none;
  std::map<std::string, OrganizationFeature> features;
  TimeMs updated_at = 0;
};

// Nothing is enabled by itself until the administrator says so.
OrganizationSettings default_organization_settings();
Result<OrganizationSettings> load_organization_settings(FindingStore& store, std::string_view administrator,
                                                        std::string_view region);
SettingChange organization_settings_change(std::string_view administrator, std::string_view region,
                                           const OrganizationSettings& settings);
SettingChange organization_settings_removal(std::string_view administrator, std::string_view region);

// The account that the management account delegated GuardDuty to in this Region; empty: none.
Result<std::string> load_delegated_administrator(FindingStore& store, std::string_view region);
// Every Region with one.
Result<std::map<std::string, std::string>> load_delegated_administrators(FindingStore& store);
// An empty account takes the delegation back.
SettingChange delegated_administrator_change(std::string_view region, std::string_view account);

}  // namespace picket
