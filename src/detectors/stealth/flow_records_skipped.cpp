#include "engine/detector.h"

namespace picket::detectors {

namespace {

// AWS writes SKIPDATA when it lacks capacity or fails inside, now and then and for a single window. Half an
// hour of one interface is worth a look.
constexpr std::uint64_t windows_min = 3;  // a day

std::optional<Evidence> is_blind(const Gap& gap) {
  if (gap.records < windows_min) return std::nullopt;
  return Evidence{{"skipped_windows", std::to_string(gap.records)},
                  {"threshold_windows", std::to_string(windows_min)},
                  {"first_skipped", format_time_seconds(gap.from)},
                  {"last_skipped", format_time_seconds(gap.to)}};
}

}  // namespace

extern const Detector flow_records_skipped = {
    .types = {{.name = "Stealth:EC2/FlowRecordsSkipped",
               .severity = Severity::low,
               .mitre = {"TA0005", "T1562.008"},  // Defense Evasion: Disable or Modify Cloud Logs
               .origin = Origin::picket,
               .title = "Flow records of {host} were skipped in {skipped_windows} capture windows.",
               .description =
                   "The flow log says SKIPDATA of {host} between {first_skipped} and {last_skipped}: there "
                   "was traffic, and AWS did not log all of it. What is missing was not judged."}},
    .summary = "A flow log says that it skipped records of an interface.",
    .when = {gaps(GapKind::skipped_records)},
    .issue = {key::host},
    .logic = each(is_blind),
};

}  // namespace picket::detectors
