// One flow log line whose fields are already apart: the complete reader, for every layout, that
// decides what a line is. The fast path of flow_split.h accepts only lines this one reads alike.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "decode/flow_layout.h"
#include "event/flow_record.h"

namespace picket {

enum class FlowLineKind : std::uint8_t { flow, gap, filtered, bad };

// What is to be said of a line that is no flow.
struct FlowLine {
  std::string_view reason;  // of filtered and bad
  std::string detail;       // of bad
  // Of a gap.
  bool skip_data = false;
  std::string_view account_id, interface_id;
  std::int64_t start = 0, end = 0;  // Unix seconds
};

// Unix seconds stay below this (year 33658), so that milliseconds cannot overflow.
constexpr std::int64_t flow_seconds_end = 1'000'000'000'000;

// `values` has one entry for each column; 8 readable bytes follow each. Fills `record` (all members but
// position) and, where the layout has such columns, every such member of `extras`; both are undefined unless
// the answer is `flow`. `extras` must start cleared when the layout changes. `told` is set for the other
// answers. `check_text`: the values may hold bytes that are not printable ASCII.
FlowLineKind read_flow_line(const FlowLayout& layout, std::span<const std::string_view> values,
                            bool check_text, FlowRecord& record, FlowExtras& extras, FlowLine& told);

}  // namespace picket
