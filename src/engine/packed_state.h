// State in a file: a mark that tells what it is, a version, a checksum, and the state compressed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace picket {

// `what` names the file in errors: "snapshot".
struct PackedKind {
  std::string_view magic, what;
};

std::string pack_state(const PackedKind& kind, std::uint64_t version, std::string_view state);
// The state, when it was written whole and with this version.
Result<std::string> unpack_state(const PackedKind& kind, std::uint64_t version, std::string_view bytes,
                                 std::string_view other_version);

}  // namespace picket
