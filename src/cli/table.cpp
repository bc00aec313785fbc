#include "cli/table.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "finding/severity.h"

namespace picket::cli {

bool wants_colour(std::FILE* out) {
  const char* no_colour = std::getenv("NO_COLOR");
  return (no_colour == nullptr || *no_colour == '\0') && isatty(fileno(out)) != 0;
}

void print_table(std::FILE* out, std::vector<FindingLine> lines, bool colour, std::string_view none) {
  if (lines.empty()) {
    fmt::print(out, "{}\n", none);
    return;
  }
  std::sort(lines.begin(), lines.end(), [](const FindingLine& a, const FindingLine& b) {
    return std::tie(b.severity, a.first, a.id) < std::tie(a.severity, b.first, b.id);
  });
  std::size_t type_width = 4, subject_width = 4;
  for (FindingLine& line : lines) {
    line.subject = printable(line.subject);
    if (line.subject.size() > 48) line.subject = line.subject.substr(0, 47) + "~";
    type_width = std::max(type_width, line.type.size());
    subject_width = std::max(subject_width, line.subject.size());
  }
  fmt::print(out, "{:<{}}  {:<12} {:<{}}  {:<{}}  {:<12}  {:<14}  {:>6}  {:<16}  {}\n", "ID", short_id_size,
             "SEVERITY", "TYPE", type_width, "WHO", subject_width, "ACCOUNT", "REGION", "COUNT", "FIRST",
             "LAST");
  for (const FindingLine& line : lines) {
    const Severity level = severity_of(line.severity);
    std::string severity = fmt::format("{:<12}", fmt::format("{} {}", line.severity, name_of(level)));
    if (colour) {
      const char* code = level == Severity::critical ? "1;35"
                         : level == Severity::high   ? "1;31"
                         : level == Severity::medium ? "33"
                                                     : "36";
      severity = fmt::format("\x1b[{}m{}\x1b[0m", code, severity);
    }
    fmt::print(out, "{}  {} {:<{}}  {:<{}}  {:<12}  {:<14}  {:>6}  {:<16}  {}\n",
               line.id.substr(0, short_id_size), severity, line.type, type_width, line.subject, subject_width,
               printable(line.account), printable(line.region), line.count,
               format_time(line.first).substr(0, 16), format_time(line.last).substr(0, 16));
  }
}

}  // namespace picket::cli
