// What users set about AWS's custom detection rules, kept among the store's settings: associations of
// accounts (kind "custom_rule_association") and configurations of organisations
// ("custom_rule_configuration").
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

constexpr std::string_view custom_rule_association_kind = "custom_rule_association";
constexpr std::string_view custom_rule_configuration_kind = "custom_rule_configuration";
// Made with the first association of an account (or configuration of an organisation, account "") in a
// Region, for good: from then on the rules of the configuration file do not count there. Without content.
constexpr std::string_view custom_rules_managed_kind = "custom_rules_managed";
constexpr TimeMs dry_run_span = 14 * day_ms;  // GuardDuty's

// One rule in one account and Region.
struct CustomRuleAssociation {
  std::string id;  // 32 hex digits
  std::string account, region, rule_id;
  std::string mode;  // LIVE, DRY_RUN
  TimeMs created_at = 0, updated_at = 0;
  std::optional<TimeMs> expires_at;  // of DRY_RUN
  std::map<std::string, std::string> tags;

  bool expired(TimeMs now) const { return expires_at && *expires_at <= now; }
  // A DRY_RUN begins to count its days again.
  void set_mode(std::string_view to, TimeMs now);
};

// One rule and mode in the accounts of an organisation in one Region, set by its administrator.
struct CustomRuleConfiguration {
  std::string administrator, region, rule_id;
  std::string mode;
  std::vector<std::string> include, exclude;  // at most one of them has accounts
  TimeMs created_at = 0, updated_at = 0;
  std::optional<TimeMs> expires_at;

  bool expired(TimeMs now) const { return expires_at && *expires_at <= now; }
  bool covers(std::string_view account) const;
};

// A stored row that cannot be read is an error, not a default. Expired ones are there until the next change.
Result<std::vector<CustomRuleAssociation>> load_custom_rule_associations(
    FindingStore& store, std::optional<std::string_view> account, std::optional<std::string_view> region);
Result<std::vector<CustomRuleConfiguration>> load_custom_rule_configurations(
    FindingStore& store, std::optional<std::string_view> administrator,
    std::optional<std::string_view> region);

SettingChange managed_custom_rules(std::string_view account, std::string_view region);
SettingChange saved(const CustomRuleAssociation& association);
SettingChange removed(const CustomRuleAssociation& association);
SettingChange saved(const CustomRuleConfiguration& configuration);
SettingChange removed(const CustomRuleConfiguration& configuration);

}  // namespace picket
