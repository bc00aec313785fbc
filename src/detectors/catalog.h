// Every detector of this build, in the order of catalog.def, which is also the order of their indexes in
// state.
#pragma once

#include <span>

#include "engine/detector.h"

namespace picket {

std::span<const Detector* const> all_detectors();

}  // namespace picket
