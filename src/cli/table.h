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

// The digits of an id that tables show; `picket explain` takes them when one finding alone begins so.
constexpr std::size_t short_id_size = 8;

constexpr std::string_view no_findings = "No findings.";

// Highest severity first, then by time; `none` where there are no lines. Colours when `colour`.
void print_table(std::FILE* out, std::vector<FindingLine> lines, bool colour,
                 std::string_view none = no_findings);

// Whether to colour: a terminal, and NO_COLOR not set.
bool wants_colour(std::FILE* out);

}  // namespace picket::cli
