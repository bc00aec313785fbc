// Text of logs made harmless for a terminal and for lines: control and bidirectional characters are spelled
// out.
#pragma once

#include <string>
#include <string_view>

namespace picket {

std::string printable(std::string_view text);

}  // namespace picket
