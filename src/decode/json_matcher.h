// Finds the end of a JSON object or array byte by byte, across windows, without an index: for text that has
// no index because something in it is broken, and for records too large to hold. Notices at once when quotes
// or brackets do not pair, so that a flipped quote cannot swallow the records behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace picket {

class JsonMatcher {
 public:
  enum class Outcome : std::uint8_t { more, complete, broken };
  struct Step {
    Outcome outcome = Outcome::more;
    std::size_t used =
        0;  // complete: bytes up to and with the closing bracket; broken: up to the first wrong byte
  };
  // The first byte ever given must be the opening bracket.
  Step feed(std::string_view text);

 private:
  enum class Before : std::uint8_t { value, member, first_member, after_string, after_value, scalar };
  std::uint64_t objects_ = 0;  // bit n: the container n levels up is an object
  std::uint64_t depth_ = 0;
  // Was ever deeper than the bits of `objects_`: from then on objects and arrays are not told apart.
  bool deep_ = false;
  bool in_string_ = false, escaped_ = false;
  Before before_ = Before::value;
};

}  // namespace picket
