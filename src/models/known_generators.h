// Names that well-known malware generates, made in advance: our own implementations of its published
// algorithms, for the days around a record's time. A match proves what letters only suggest.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace picket {

class KnownGenerators {
 public:
  // Malware's clock and ours may differ by so many days.
  static constexpr std::int32_t days_around = 3;

  // The family that generates the registered domain (lower case) on `day` (since 1970) or within days_around
  // of it; empty when none does. What a day takes is made when it is first asked about, in up to 20 ms.
  std::string_view family_of(std::string_view registered, std::int32_t day);

 private:
  using Names = std::vector<std::uint64_t>;  // hashes, sorted
  const Names& names_of(std::size_t family, std::int32_t day);

  std::map<std::pair<std::uint32_t, std::size_t>, Names> made_;  // by period and family; 8 bytes a name
};

// What one family generates on one day, for tests.
std::vector<std::string> generated_names(std::string_view family, std::int32_t day);

}  // namespace picket
