#include "base/printable.h"

#include <fmt/format.h>

namespace picket {

std::string printable(std::string_view text) {
  std::string safe;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) {
      safe += fmt::format("\\x{:02x}", c);
    } else if (c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      safe += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[++i]));  // C1 controls
    } else if (c == 0xe2 && i + 2 < text.size() &&
               ((text[i + 1] == '\x80' && static_cast<unsigned char>(text[i + 2]) >= 0x8e) ||
                (text[i + 1] == '\x81' && static_cast<unsigned char>(text[i + 2]) >= 0xa6))) {
      const unsigned low = (static_cast<unsigned char>(text[i + 1]) & 0x3fU) << 6U |
                           (static_cast<unsigned char>(text[i + 2]) & 0x3fU);
      safe += fmt::format("\\u{:04x}", 0x2000U | low);  // bidirectional marks and line separators
      i += 2;
    } else {
      safe += text[i];
    }
  }
  return safe;
}

}  // namespace picket
