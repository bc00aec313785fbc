// service.detection.anomaly: what is usual for whom, and what was not, out of the evidence that learned
// detectors give under GuardDuty's names ("profiled.rareProfiledASNsAccountProfiling",
// "unusual.unusualAPIsUserIdentityProfiling").
#pragma once

#include "base/json_writer.h"
#include "finding/subject.h"

namespace picket {

// Writes the member "detection"; nothing when the evidence tells of no anomaly.
void write_anomaly(JsonWriter& json, const NamedValues& evidence);

}  // namespace picket
