// Which record of which object: what a finding's proof points at.
#pragma once

#include <compare>
#include <cstdint>

namespace picket {

struct RecordRef {
  // Number of the object in the input log (its manifest's sequence), not its name.
  std::uint64_t object = 0;
  // The record's number in its object, from 1; a flow log's header line counts as line 1.
  std::uint64_t position = 0;
  auto operator<=>(const RecordRef&) const = default;
};

}  // namespace picket
