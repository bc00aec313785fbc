// What the detectors of listed addresses in flow records share.
#pragma once

#include "engine/detector.h"
#include "engine/flow_sides.h"

namespace picket::detectors {

// A Lambda function's interface makes the detection the function's, under the type for functions.
void place_on_lambda(Detection& detection, const Facts& facts, const Detector& detector);

// Adds the hit; a whole range is listed for some of its addresses, so it is never more than medium.
void add_peer(Evidence& evidence, const IntelHit& hit, const FlowRecord& flow);

}  // namespace picket::detectors
