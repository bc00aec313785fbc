// GuardDuty's severity scale: 1.0-3.9 low, 4.0-6.9 medium, 7.0-8.9 high, 9.0-10.0 critical
// (user guide, "severity levels"). Findings carry the number.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace picket {

enum class Severity : std::uint8_t { low, medium, high, critical };

// The number GuardDuty puts on a finding of that level (all 17 recorded findings: 2, 5, 8, 9).
constexpr double number_of(Severity severity) {
  switch (severity) {
    case Severity::low:
      return 2;
    case Severity::medium:
      return 5;
    case Severity::high:
      return 8;
    case Severity::critical:
      return 9;
  }
  return 0;
}

constexpr Severity severity_of(double number) {
  return number < 4   ? Severity::low
         : number < 7 ? Severity::medium
         : number < 9 ? Severity::high
                      : Severity::critical;
}

constexpr std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::low:
      return "low";
    case Severity::medium:
      return "medium";
    case Severity::high:
      return "high";
    case Severity::critical:
      return "critical";
  }
  return "";
}

constexpr std::optional<Severity> parse_severity(std::string_view text) {
  for (const Severity severity : {Severity::low, Severity::medium, Severity::high, Severity::critical}) {
    if (text == name_of(severity)) return severity;
  }
  return std::nullopt;
}

}  // namespace picket
