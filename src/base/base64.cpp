#include "base/base64.h"

#include <array>
#include <cstdint>
#include <utility>

namespace picket {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encoded(std::string_view bytes, std::string_view letters) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) out += letters[bits >> (held - 6) & 63];
  }
  if (held > 0) out += letters[bits << (6 - held) & 63];
  return out;
}

struct Decoded {
  std::string bytes;
  bool more_bits = false;  // than those of whole bytes are set
};

constexpr std::uint8_t no_digit = 255;
constexpr std::array<std::uint8_t, 256> digits_of(std::string_view letters) {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(no_digit);
  for (std::size_t i = 0; i < letters.size(); ++i)
    digits[static_cast<unsigned char>(letters[i])] = static_cast<std::uint8_t>(i);
  return digits;
}
constexpr std::array<std::uint8_t, 256> digits = digits_of(alphabet), url_digits = digits_of(url_alphabet);

// Nothing for other letters and for a lone last one.
std::optional<Decoded> decoded(std::string_view text, const std::array<std::uint8_t, 256>& values) {
  Decoded out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  out.bytes.reserve(text.size() / 4 * 3 + 2);
  for (const char c : text) {
    const std::uint8_t digit = values[static_cast<unsigned char>(c)];
    if (digit == no_digit) return std::nullopt;
    bits = bits << 6 | digit;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.bytes += static_cast<char>(bits >> held & 255);
    }
  }
  if (held >= 6) return std::nullopt;
  out.more_bits = (bits & ((1U << held) - 1)) != 0;
  return out;
}

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string out = encoded(bytes, alphabet);
  out.append((4 - out.size() % 4) % 4, '=');
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  auto out = decoded(text, digits);
  if (!out) return std::nullopt;
  return std::move(out->bytes);
}

std::string to_base64url(std::string_view bytes) { return encoded(bytes, url_alphabet); }

std::optional<std::string> from_base64url(std::string_view text) {
  auto out = decoded(text, url_digits);
  if (!out || out->more_bits) return std::nullopt;
  return std::move(out->bytes);
}

}  // namespace picket
