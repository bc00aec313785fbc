// Logarithms that are the same on every machine: no libm on the way to a finding.
#pragma once

#include <bit>
#include <cstdint>
#include <string>

namespace picket {

// 256 * log2(value), rounded down; value > 0.
constexpr std::int32_t log2_256(std::uint64_t value) {
  const int whole = static_cast<int>(std::bit_width(value)) - 1;
  // Mantissa in [1, 2) with 31 bits behind the point; squaring it shows one bit of the logarithm after
  // another.
  std::uint64_t mantissa = whole >= 31 ? value >> (whole - 31) : value << (31 - whole);
  std::int32_t fraction = 0;
  for (int bit = 0; bit < 8; ++bit) {
    mantissa = (mantissa * mantissa) >> 31U;
    fraction <<= 1;
    if (mantissa >= 1ULL << 32U) {
      mantissa >>= 1U;
      fraction |= 1;
    }
  }
  return whole * 256 + fraction;
}

// "7.5" of 1/256 bit, for people.
std::string bits_text(std::int32_t bits);

}  // namespace picket
