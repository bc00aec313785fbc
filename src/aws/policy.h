// What a policy allows and denies, by action: IAM's JSON with Effect and Action. An explicit deny wins over
// every allow. Other elements (NotAction, Condition, resources but "*") are refused rather than ignored.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace picket::aws {

enum class Verdict : unsigned char { none, allow, deny };

struct Policy {
  struct Statement {
    bool allow = false;
    std::vector<std::string> actions;  // "guardduty:Get*": patterns with * and ?, without regard to case
  };
  std::vector<Statement> statements;

  // `action` is "guardduty:ListFindings".
  Verdict judge(std::string_view action) const;
};

Result<Policy> parse_policy(std::string_view json);
std::string write_policy(const Policy& policy);

}  // namespace picket::aws
