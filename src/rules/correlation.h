// Events of rules counted, or put in order, for one group of one correlation: judged in order of time at the
// watermark.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/detector.h"
#include "rules/rule.h"

namespace picket::rules {

// Names in the evidence of a row, that RuleSet writes and the state reads.
namespace row_evidence {
constexpr std::string_view group = "group_by";  // which group of the correlation
constexpr std::string_view rules =
    "matched";                               // numbers of the correlation's rules that matched, joined by ","
constexpr std::string_view value = "value";  // to be counted (value_count); may stand there several times
constexpr std::string_view chained =
    "chained";  // what counts for a correlation that is chained: a ChainedEvent
}  // namespace row_evidence

// A record that a rule of a chained correlation matched.
struct ChainedEvent {
  std::uint32_t number = 0, inner = 0;  // among the correlation's rules, and among those of the chained one
  std::string group, value;             // of the chained one; the value that it counts, if it counts values

  std::string text() const;
  static std::optional<ChainedEvent> parse(std::string_view text);
};

// What one group keeps: no more events, values or rules than the condition needs, all within the timespan.
std::unique_ptr<OrderedState> make_correlation_state(const Correlation& correlation,
                                                     const std::vector<std::string>& rule_titles);

// Conditions above this are refused, so that a group's state stays small.
constexpr std::uint64_t correlation_count_max = 10'000;

}  // namespace picket::rules
