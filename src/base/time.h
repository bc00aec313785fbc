// Event time: milliseconds since 1970-01-01T00:00:00Z, as the records say it. Nothing here reads a clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace picket {

using TimeMs = std::int64_t;

constexpr TimeMs second_ms = 1000;
constexpr TimeMs minute_ms = 60 * second_ms;
constexpr TimeMs hour_ms = 60 * minute_ms;
constexpr TimeMs day_ms = 24 * hour_ms;

// Days since 1970-01-01 of a proleptic Gregorian date (month 1-12).
constexpr std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto yoe = static_cast<unsigned>(year - era * 400);
  const unsigned doy = (153 * (month + (month > 2 ? -3U : 9U)) + 2) / 5 + day - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<std::int64_t>(doe) - 719468;
}

// RFC 3339 / ISO 8601: "2026-11-24T03:10:50Z", with optional fraction (up to 9 digits, cut to
// milliseconds) and "Z" or an offset ("+01:00", "+0100"). A blank may stand for the T.
std::optional<TimeMs> parse_time(std::string_view text);

// "2026-11-24T03:10:50.123Z", always with milliseconds, the form GuardDuty's findings use.
std::string format_time(TimeMs time);

// "2026-11-24T03:10:50Z".
std::string format_time_seconds(TimeMs time);

}  // namespace picket
