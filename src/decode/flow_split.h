// The fast path of flow logs: where the separators of a stretch of text are, and a reader of version 2
// lines that converts without branching on the data. Compiled for AVX2 where the build allows; else the
// scalar splitter and the complete reader of flow_line.h do the work alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "event/flow_record.h"

namespace picket {

enum class FlowSplit : std::uint8_t { simd, scalar };

#if defined(__AVX2__)
constexpr FlowSplit best_flow_split = FlowSplit::simd;
#else
constexpr FlowSplit best_flow_split = FlowSplit::scalar;
#endif

// Offsets of blanks and line ends, and of line ends alone, both ascending.
struct FlowSeparators {
  static constexpr std::size_t text_max = 32 * 1024;
  // The splitter writes in steps: this much behind the last entry is scratch.
  static constexpr std::size_t slack = 64;

  FlowSeparators() : all(text_max + slack), lines(text_max + slack) {}
  std::vector<std::uint32_t> all, lines;
  std::size_t all_count = 0, lines_count = 0;
  // Some byte is neither printable ASCII nor a line end; then the fast reader must not be used.
  bool odd_bytes = false;
};

// At most FlowSeparators::text_max bytes; 64 readable bytes follow them. Entries behind all_count are no
// positions of this text.
void find_flow_separators(const char* text, std::size_t size, FlowSplit split, FlowSeparators& out);

// Reads a version 2 line of `text` that starts at `begin` and whose 14 fields end at `ends`. False when the
// line is anything but an ordinary IPv4 record; the complete reader then decides. On true all members but
// more and position are set, to what the complete reader would have set. Always false without AVX2.
bool read_default_flow_line(const char* text, std::uint32_t begin, const std::uint32_t* ends,
                            FlowRecord& record);

}  // namespace picket
