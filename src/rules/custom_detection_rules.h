// AWS's 35 custom detection rules: GuardDuty's names, types and severities, with conditions of our own
// (data/rules/custom_detection_rules.toml). They raise findings only where engine/rule_modes says so.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "finding/severity.h"
#include "rules/predicate.h"
#include "rules/rule.h"

namespace picket::rules {

struct CustomDetectionRule {
  struct Attack {
    std::string name, id;  // "Credential Access", "TA0006"
  };
  std::string id;  // 32 hex digits
  std::string name;
  std::int64_t version = 1;
  std::string type;  // of its findings
  Severity severity = Severity::medium;
  Attack tactic, technique;
  std::string service;
  std::string title, description, blind_spots;
  std::vector<std::string> show;  // fields told as evidence besides what matched
  bool strangers_only = false;    // accounts of the organisation may be let in
  std::string expression;
  Predicate when;  // what the expression says
};

// When this catalogue's first version was made; GuardDuty's own came out on the same day.
constexpr TimeMs custom_detection_rules_created_at = 1'788'220'800'000;  // 1 September 2026

// By name. The catalogue is part of the binary: one that cannot be read is a programming error.
std::span<const CustomDetectionRule> custom_detection_rules();
const CustomDetectionRule* find_custom_detection_rule(std::string_view id);
const CustomDetectionRule* custom_detection_rule_named(std::string_view name);

// The same for a RuleSet.
std::vector<Rule> custom_rules();

Result<std::vector<CustomDetectionRule>> parse_custom_detection_rules(std::string_view toml);

}  // namespace picket::rules
