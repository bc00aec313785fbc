#include "engine/detector.h"

namespace picket::detectors {

namespace {

// CloudTrail delivers within minutes, flow and query logs too, and lateness allows for much more; a retry
// after a failed delivery is a few objects.
constexpr std::uint64_t late_min = 200;
constexpr std::uint64_t late_percent_min = 10;  // of a day's records

std::optional<Evidence> is_flooded(const Gap& gap) {
  if (gap.records < late_min || gap.records * 100 < gap.of * late_percent_min) return std::nullopt;
  return Evidence{{"log", std::string(name_of(gap.log))},
                  {"late_records", std::to_string(gap.records)},
                  {"records_of_the_day", std::to_string(gap.of)},
                  {"threshold_records", std::to_string(late_min)},
                  {"threshold_percent", std::to_string(late_percent_min)},
                  {"oldest", format_time_seconds(gap.from)},
                  {"newest_before", format_time_seconds(gap.to)}};
}

}  // namespace

extern const Detector late_log_records = {
    .types =
        {{.name = "Stealth:S3/LateLogRecords",
          .severity = Severity::low,
          .mitre = {"TA0005", "T1562.008"},  // Defense Evasion: Disable or Modify Cloud Logs
          .resource = ResourceKind::s3_bucket,
          .origin = Origin::picket,
          .title = "{late_records} {log} records came long after they were made.",
          .description =
              "Of {records_of_the_day} {log} records {late_records} were older than what had been judged "
              "already, back to {oldest}. They were evaluated, but windows and sequences of their time "
              "were closed: somebody may have held the delivery back."}},
    .summary = "Many records of a log came later than detection waits for them.",
    .when = {gaps(GapKind::late_records)},
    .issue = {key::evidence("log")},
    .logic = each(is_flooded),
    .blind_spots = "Archives that are put into a watched source on purpose look the same.",
};

}  // namespace picket::detectors
