#include "base/hash.h"

#include <fmt/format.h>

namespace picket {

std::string Hash128::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

}  // namespace picket
