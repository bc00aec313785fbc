#include "decode/json_matcher.h"

#include <cstring>

namespace picket {

namespace {

// Where a string ends, or its next escape is; eight bytes at a time, for hostile strings are long.
std::size_t skip_plain(std::string_view text, std::size_t at) {
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  const auto holds = [](std::uint64_t eight, char c) {
    eight ^= ones * static_cast<unsigned char>(c);
    return (eight - ones) & ~eight & highs;
  };
  for (std::uint64_t eight = 0; text.size() - at >= sizeof eight; at += sizeof eight) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if ((holds(eight, '"') | holds(eight, '\\')) != 0) break;
  }
  while (at < text.size() && text[at] != '"' && text[at] != '\\') ++at;
  return at;
}

}  // namespace

JsonMatcher::Step JsonMatcher::feed(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (in_string_ && !escaped_) {
      at = skip_plain(text, at);
      if (at == text.size()) break;
    }
    const char c = text[at];
    const Step broken{Outcome::broken, at};
    if (in_string_) {
      if (escaped_)
        escaped_ = false;
      else if (c == '\\')
        escaped_ = true;
      else if (c == '"')
        in_string_ = false;
      continue;
    }
    const bool known = !deep_;
    const bool object = (objects_ & 1) != 0;
    switch (c) {
      case ' ':
      case '\n':
      case '\r':
      case '\t':
        if (before_ == Before::scalar) before_ = Before::after_value;
        break;
      case '"':
        if (before_ == Before::after_string || before_ == Before::after_value || before_ == Before::scalar)
          return broken;
        before_ = before_ == Before::value ? Before::after_value : Before::after_string;
        in_string_ = true;
        break;
      case '{':
      case '[':
        if (before_ != Before::value) return broken;
        deep_ |= ++depth_ > 64;
        objects_ = objects_ << 1 | (c == '{' ? 1U : 0U);
        before_ = c == '{' ? Before::first_member : Before::value;
        break;
      case '}':
      case ']':
        if (before_ == Before::member || before_ == Before::after_string) return broken;
        if (known && object != (c == '}')) return broken;
        if (--depth_ == 0) return {Outcome::complete, at + 1};
        objects_ >>= 1;
        before_ = Before::after_value;
        break;
      case ',':
        if (before_ != Before::after_value && before_ != Before::scalar) return broken;
        before_ = known && object ? Before::member : Before::value;
        break;
      case ':':
        if (before_ == Before::after_value && !known) {
          before_ = Before::value;
          break;
        }
        if (before_ != Before::after_string) return broken;
        before_ = Before::value;
        break;
      default:
        if (before_ != Before::value && before_ != Before::scalar) return broken;
        before_ = Before::scalar;
    }
  }
  return {Outcome::more, text.size()};
}

}  // namespace picket
