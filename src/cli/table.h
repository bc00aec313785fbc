// Findings as a table for people.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/printable.h"
#include "base/time.h"

namespace picket::cli {

struct FindingLine {
  std::string id, type, account, region, subject;
  double severity = 0;
  std::int64_t count = 0;
  TimeMs first = 0, last = 0;
};

// Highest severity first, then by time. Colours when `colour`.
void print_table(std::FILE* out, std::vector<FindingLine> lines, bool colour);

// Whether to colour: a terminal, and NO_COLOR not set.
bool wants_colour(std::FILE* out);

}  // namespace picket::cli
