#include "detectors/shared/intel_hits.h"

#include <algorithm>

namespace picket::detectors {

bool retrospective(const Indicator& indicator, TimeMs time) {
  return (indicator.first_seen && time < *indicator.first_seen) ||
         (indicator.last_seen && time > *indicator.last_seen);
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
  if (!retrospective(*hit.indicator, time)) return;
  evidence.add("retrospective", "the list knows the address from another time");
  evidence.severity = number_of(Severity::low);
}

}  // namespace picket::detectors
