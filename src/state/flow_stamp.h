// What states of flow records keep of a record in place, without allocation.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "finding/subject.h"

namespace picket {

// A short text in place: an interface id ("eni-" and 8 or 17 digits) needs no allocation. A longer one is
// cut.
class ShortText {
 public:
  ShortText& operator=(std::string_view text) {
    size_ = static_cast<std::uint8_t>(std::min(text.size(), text_.size()));
    std::copy_n(text.data(), size_, text_.data());
    return *this;
  }
  std::string_view view() const { return {text_.data(), size_}; }
  template <class Ar>
  void io(Ar& ar) {
    ar(text_, size_);
    if (size_ > text_.size()) size_ = 0;  // hostile bytes
  }

 private:
  std::array<char, 31> text_{};
  std::uint8_t size_ = 0;
};

// A flow record's place in the proof; flow records have no id of their own.
struct FlowStamp {
  TimeMs time = 0;
  std::uint64_t object = 0, position = 0;
  auto operator<=>(const FlowStamp&) const = default;
  ProofRecord proof() const { return {time, object, position, {}}; }
  template <class Ar>
  void io(Ar& ar) {
    ar(time, object, position);
  }
};

}  // namespace picket
