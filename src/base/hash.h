// Hashes with fixed seeds: the same bytes give the same value on every machine and in every run,
// so they may decide partitions and finding ids. XXH3, by libxxhash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#define XXH_INLINE_ALL
#define XXH_FORCE_MEMORY_ACCESS \
  1  // packed reads: calls of memcpy() that GCC does not inline took 3 % of all time
#include <xxhash.h>

namespace picket {

inline std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// Order-dependent combination of two hashes.
constexpr std::uint64_t hash_mix(std::uint64_t a, std::uint64_t b) {
  a ^= b + 0x9e3779b97f4a7c15ULL + (a << 12) + (a >> 4);
  a *= 0xff51afd7ed558ccdULL;
  return a ^ (a >> 32);
}

struct Hash128 {
  std::uint64_t high = 0, low = 0;
  auto operator<=>(const Hash128&) const = default;
  std::string hex() const;  // 32 lower-case digits
};

inline Hash128 hash128(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

}  // namespace picket
