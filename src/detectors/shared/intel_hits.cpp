#include "detectors/shared/intel_hits.h"

#include <algorithm>

#include "base/ip.h"

namespace picket::detectors {

namespace {

// ThreatFox, which alone of the default feeds rates its entries, gives 50 to what one report says and 75 or
// 100 to what was confirmed.
constexpr std::uint8_t confidence_min = 50, confidence_slight = 25;
// Lists look at an indicator once a day or so: until then it is as it was last seen.
constexpr TimeMs seen_slack = 2 * day_ms;
// abuse.ch drops indicators from its feeds after six months; what a list of that age says has passed on.
constexpr TimeMs shelf_life = 180 * day_ms;

}  // namespace

bool retrospective(const Indicator& indicator, TimeMs time) {
  return (indicator.first_seen && time < *indicator.first_seen) ||
         (indicator.last_seen && time > *indicator.last_seen + seen_slack);
}

const IntelHit* best_hit(std::span<const IntelHit> hits, std::initializer_list<IntelCategory> categories,
                         TimeMs time) {
  const IntelHit* best = nullptr;
  for (const IntelHit& hit : hits) {
    if (std::find(categories.begin(), categories.end(), hit.indicator->category) == categories.end())
      continue;
    if (!retrospective(*hit.indicator, time)) return &hit;
    if (best == nullptr) best = &hit;
  }
  return best;
}

void add_hit(Evidence& evidence, const IntelHit& hit, TimeMs time) {
  evidence.add("threat_list", hit.indicator->list);
  evidence.add("indicator", std::string(hit.entry));
  const Indicator& indicator = *hit.indicator;
  if (retrospective(indicator, time)) {
    evidence.add("retrospective", "the list knows the address from another time");
    evidence.at_most(Severity::low);
  }
  if (indicator.confidence && *indicator.confidence < confidence_min) {
    evidence.add("confidence", std::to_string(*indicator.confidence) + " of 100");
    evidence.at_most(*indicator.confidence < confidence_slight ? Severity::low : Severity::medium);
  }
  // Names stay with their owner longer than addresses do.
  const bool address = IpPrefix::parse(hit.entry).has_value();
  if (address && indicator.as_of && time - *indicator.as_of > shelf_life) {
    evidence.add("list_age", std::to_string((time - *indicator.as_of) / day_ms) + " days");
    evidence.at_most(Severity::medium);
  }
  if (hit.shared) {
    evidence.add("shared_address", "many strangers use this address");
    evidence.at_most(Severity::medium);
  }
  if (hit.scanner && indicator.category != IntelCategory::scanner) {
    evidence.add("known_scanner", "the address also belongs to a known scanner");
    evidence.at_most(Severity::medium);
  }
}

}  // namespace picket::detectors
