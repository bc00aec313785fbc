#include "decode/json_matcher.h"

namespace picket {

JsonMatcher::Step JsonMatcher::feed(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
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
