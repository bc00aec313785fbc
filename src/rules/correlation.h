// Events of rules counted, or put in order, for one group of one correlation: judged in order of time at the
// watermark.
#pragma once

#include <memory>

#include "engine/detector.h"
#include "rules/rule.h"

namespace picket::rules {

// Names in the evidence of a row, that RuleSet writes and the state reads.
namespace row_evidence {
constexpr std::string_view group = "group_by";  // which group of the correlation
constexpr std::string_view rules =
    "matched";                               // numbers of the correlation's rules that matched, joined by ","
constexpr std::string_view value = "value";  // to be counted (value_count); may stand there several times
}  // namespace row_evidence

// What one group keeps: no more events, values or rules than the condition needs, all within the timespan.
std::unique_ptr<OrderedState> make_correlation_state(const Correlation& correlation,
                                                     const std::vector<std::string>& rule_titles);

// Conditions above this are refused, so that a group's state stays small.
constexpr std::uint64_t correlation_count_max = 10'000;

}  // namespace picket::rules
