// Base64 with the alphabet that is safe in URLs ("-", "_"), without padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace picket {

std::string to_base64url(std::string_view bytes);
// One text for each run of bytes: no lone last character, no bits beyond the last byte.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace picket
