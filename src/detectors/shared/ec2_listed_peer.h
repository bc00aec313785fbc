// Which end of a flow record with a listed address began, and whether more than a probe went across.
#pragma once

#include "engine/detector.h"

namespace picket::detectors {

// Whether the instance opened the connection this record is the outward half of: by flags and well-known
// ports where they tell, else by which port looks like a client's.
std::optional<bool> opened_by_source(const FlowRecord& flow);

// Data, not only a handshake or a refusal.
bool exchanged(const FlowRecord& flow);

// A Lambda function's interface makes the detection the function's, under the type for functions.
void place_on_lambda(Detection& detection, const Facts& facts, const Detector& detector);

// Adds the hit; a whole range is listed for some of its addresses, so it is never more than medium.
void add_peer(Evidence& evidence, const IntelHit& hit, const FlowRecord& flow);

}  // namespace picket::detectors
