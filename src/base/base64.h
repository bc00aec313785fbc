// Base64, and its form for URLs: another alphabet ("-", "_"), without padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace picket {

std::string to_base64(std::string_view bytes);
// With its padding. Bits beyond the last byte do not matter: secrets are made by many tools.
std::optional<std::string> from_base64(std::string_view text);

std::string to_base64url(std::string_view bytes);
// One text for each run of bytes: no lone last character, no bits beyond the last byte.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace picket
