// The one place that reads the clock. What must not depend on it takes a function instead.
#pragma once

#include "base/time.h"

namespace picket {

TimeMs wall_clock();

}  // namespace picket
