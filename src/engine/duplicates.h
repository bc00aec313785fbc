// Records of an epoch that were delivered before.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace picket {

struct Duplicates {
  std::vector<std::vector<std::uint64_t>> positions;  // by object of the epoch, in ascending order
  bool contain(std::size_t object, std::uint64_t position) const {
    const std::vector<std::uint64_t>& of = positions[object];
    return !of.empty() && std::binary_search(of.begin(), of.end(), position);
  }
};

}  // namespace picket
