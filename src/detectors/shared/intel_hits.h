// How a detector reads the indicators of a record's address: which one decides, and how old it is.
#pragma once

#include <initializer_list>
#include <span>

#include "engine/evidence.h"
#include "enrich/intel_hit.h"

namespace picket::detectors {

// Addresses are recycled: an indicator first seen after the record, or last seen before it, tells of another
// time.
bool retrospective(const Indicator& indicator, TimeMs time);

// The hit of one of the categories that decides: the most specific of the record's own time, else of another
// time.
const IntelHit* best_hit(std::span<const IntelHit> hits, std::initializer_list<IntelCategory> categories,
                         TimeMs time);

// Adds the list and the entry, and what lowers the finding: an indicator of another time (low), of little
// confidence, of a list grown old, of an address of a known scanner or one that many share (medium).
void add_hit(Evidence& evidence, const IntelHit& hit, TimeMs time);

}  // namespace picket::detectors
