#include "engine/detector.h"

namespace picket::detectors {

namespace {

// An interface that is logged has a record in every capture window, NODATA when it was idle. Simulated
// organisations raise none at these (docs/detectors.md tells the measurement).
constexpr std::uint64_t hours_missing_min = 3;  // with queries and without flows, while others have flows
constexpr std::uint64_t hours_known_min = 24;   // with both, in the week before
constexpr std::uint64_t misses_max_percent = 2;

std::optional<Evidence> is_missing(const Gap& gap) {
  if (gap.hours < hours_missing_min || gap.hours_known < hours_known_min) return std::nullopt;
  if ((gap.of - gap.hours_known) * 100 > gap.of * misses_max_percent) return std::nullopt;
  return Evidence{{"missing_since", format_time_seconds(gap.from)},
                  {"hours_missing", std::to_string(gap.hours)},
                  {"threshold_hours", std::to_string(hours_missing_min)},
                  {"hours_logged_before", std::to_string(gap.hours_known)}};
}

}  // namespace

extern const Detector flow_log_interface_missing = {
    .types = {{.name = "Stealth:EC2/FlowLogInterfaceMissing",
               .severity = Severity::medium,
               .mitre = {"TA0005", "T1562.008"},  // Defense Evasion: Disable or Modify Cloud Logs
               .origin = Origin::picket,
               .title = "{host} is no longer in the flow logs, though it resolves names.",
               .description =
                   "Flow logs had records of {host} in each of {hours_logged_before} hours and have none "
                   "since {missing_since}, while other interfaces go on. The instance still asks the "
                   "resolver, so that its traffic is not seen."}},
    .summary = "An instance vanished from the flow logs while it is still active elsewhere.",
    .when = {gaps(GapKind::missing_interface)},
    .issue = {key::host},
    .logic = each(is_missing),
    .blind_spots =
        "Instances without resolver query logs, and those whose interfaces neither calls nor the inventory "
        "tell of.",
};

}  // namespace picket::detectors
