#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Budgets hold far more than a busy organisation fills, so a full one is the work of somebody, or of a budget
// set too small. One entry in a hundred records is what detection can lose without anybody noticing.
constexpr std::uint64_t evicted_percent_min = 1;
constexpr std::uint64_t evicted_min = 10;

std::optional<Evidence> is_exhausted(const Gap& gap) {
  if (gap.records < evicted_min || gap.records * 100 <= gap.of * evicted_percent_min) return std::nullopt;
  return Evidence{{"state", gap.what},
                  {"evicted", std::to_string(gap.records)},
                  {"records_of_the_day", std::to_string(gap.of)},
                  {"threshold_percent", std::to_string(evicted_percent_min)}};
}

}  // namespace

extern const Detector detection_state_exhausted = {
    .types = {{.name = "Stealth:S3/DetectionStateExhausted",
               .severity = Severity::medium,
               .mitre = {"TA0005", "T1562.006"},  // Defense Evasion: Impair Defenses, Indicator Blocking
               .resource = ResourceKind::s3_bucket,
               .origin = Origin::picket,
               .title = "Detection ran out of room: {evicted} entries of {state} were dropped.",
               .description =
                   "What picket remembers as {state} is full, and {evicted} entries were dropped on a day of "
                   "{records_of_the_day} records. This account had most of them. A flood of new names, "
                   "addresses or records can push out what another attack left."}},
    .summary = "What detectors remember was dropped because a budget is full.",
    .when = {gaps(GapKind::evicted_state)},
    .issue = {key::evidence("state")},
    .logic = each(is_exhausted),
};

}  // namespace picket::detectors
