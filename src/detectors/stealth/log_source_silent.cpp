#include <fmt/format.h>

#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Of n silences of calls at random the longest is doubled by one in n²/2, trebled by one in n³/6: less than
// one false alarm in a hundred years of a source at these. Sources that are heard most of the time have
// hardly any.
constexpr std::uint64_t active_slots_min = 100;  // of ten minutes, in the fortnight before
constexpr TimeMs silence_min = hour_ms;          // three capture windows and their delivery fit in

std::optional<Evidence> is_silent(const Gap& gap) {
  if (gap.active_slots < active_slots_min) return std::nullopt;
  const bool mostly_heard = 2 * gap.active_slots >= gap.of;
  const TimeMs silence_max = std::max(silence_min, gap.usual * (mostly_heard ? 2 : 3));
  if (gap.to - gap.from <= silence_max) return std::nullopt;
  Evidence evidence{{"log", std::string(name_of(gap.log))}, {"silent_since", format_time_seconds(gap.from)}};
  if (!gap.ongoing) evidence.add("heard_again", format_time_seconds(gap.to));
  evidence.add("minutes_silent", std::to_string((gap.to - gap.from) / minute_ms));
  evidence.add("threshold_minutes", std::to_string(silence_max / minute_ms));
  evidence.add("longest_usual_minutes", std::to_string(gap.usual / minute_ms));
  return evidence;
}

}  // namespace

extern const Detector log_source_silent = {
    .types = {{.name = "Stealth:S3/LogSourceSilent",
               .severity = Severity::medium,
               .mitre = {"TA0005", "T1562.008"},  // Defense Evasion: Disable or Modify Cloud Logs
               .resource = ResourceKind::s3_bucket,
               .origin = Origin::picket,
               .title = "No {log} records came of an account and Region that used to log.",
               .description =
                   "The {log} records end at {silent_since}. Silences of this account and Region lasted "
                   "{longest_usual_minutes} minutes at most in the fortnight before. Somebody may have "
                   "stopped the log or its delivery; what happened since is not seen."}},
    .summary = "A log of an account and Region fell silent for much longer than it ever does.",
    .when = {gaps(GapKind::silent_source)},
    .issue = {key::evidence("log")},
    .logic = each(is_silent),
    .blind_spots =
        "Sources that are younger than a week or hardly ever heard; in a scan, archives in which all "
        "sources end together.",
};

}  // namespace picket::detectors
