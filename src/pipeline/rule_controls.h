// What users set about custom detection rules, on its way to the engine: as the body of the control record
// "custom_rules", and as the table that the engine asks.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "config/config.h"
#include "engine/rule_modes.h"
#include "store/finding_store.h"

namespace picket {

// The associations and configurations of the store. They tell when they expire, so that no clock is needed.
Result<std::string> custom_rule_state(FindingStore& store);
// Puts such a body in the place of what `modes` had; the defaults stay.
Result<void> use_custom_rule_state(std::string_view body, RuleModes& modes);

// [custom_rules] of the configuration. A name that no rule has is an error that tells the nearest one.
Result<RuleModes> default_rule_modes(const Config& config);

}  // namespace picket
