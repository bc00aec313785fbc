// How the detectors of single calls take an attempt: what succeeded raises, what was refused is kept as a
// signal, what failed for another reason says nothing.
#pragma once

#include <optional>

#include "engine/evidence.h"
#include "event/principal.h"

namespace picket::detectors {

inline std::optional<Evidence> by_outcome(const CloudTrailEvent& call, Evidence evidence) {
  const Outcome result = outcome(call);
  if (result == Outcome::success) return evidence;
  if (result == Outcome::failed) return std::nullopt;
  evidence.add("error", std::string(call.error_code));
  return std::move(evidence).as_signal();
}

}  // namespace picket::detectors
