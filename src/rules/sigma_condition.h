// The condition of a Sigma rule: search identifiers joined by and, or, not, parentheses, "1 of" and "all of",
// and the old aggregation behind "|".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "rules/predicate.h"

namespace picket::rules {

// "| count(field) by a, b > 5"
struct SigmaAggregation {
  std::string field;  // empty: events are counted
  std::vector<std::string> group_by;
  std::uint64_t at_least = 1;
  std::optional<std::uint64_t> at_most;
};

struct SigmaCondition {
  Predicate predicate;
  std::optional<SigmaAggregation> aggregation;
};

Result<SigmaCondition> parse_sigma_condition(std::string_view text,
                                             const std::map<std::string, Predicate>& identifiers);

}  // namespace picket::rules
