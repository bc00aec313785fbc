// service.detection.sequence: who did what, from where, by which signals. GuardDuty's form for attack
// sequences and for findings of custom detection rules.
#pragma once

#include "base/json_writer.h"
#include "finding/document.h"

namespace picket {

// The member "detection" of the finding's `service`.
void write_sequence(JsonWriter& json, const FindingDocument& finding, const DetailsSource& details);

}  // namespace picket
