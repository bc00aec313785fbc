#include "base/fixed_log2.h"

#include <fmt/format.h>

namespace picket {

std::string bits_text(std::int32_t bits) {
  constexpr std::int32_t bit = 256;
  return fmt::format("{}.{}", bits / bit, bits % bit * 10 / bit);
}

}  // namespace picket
