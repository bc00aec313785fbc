// Finds which of many literals occur in a text, in one pass over it (Aho and Corasick, 1975) whatever their
// number.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace picket::rules {

class LiteralAutomaton {
 public:
  LiteralAutomaton() = default;
  // No literal may be empty.
  explicit LiteralAutomaton(const std::vector<std::string>& literals);

  bool empty() const { return next_.empty(); }
  // Calls found(number of the literal) for every occurrence.
  template <class Found>
  void scan(std::string_view text, Found&& found) const {
    std::uint32_t state = 0;
    for (const char c : text) {
      state = next_[state * classes_ + class_of_[static_cast<unsigned char>(c)]];
      for (std::uint32_t out = first_output_[state]; out != none; out = outputs_[out].next)
        found(outputs_[out].literal);
    }
  }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  struct Output {
    std::uint32_t literal, next;
  };
  std::array<std::uint8_t, 256> class_of_{};  // bytes in no literal share class 0
  std::uint32_t classes_ = 1;
  std::vector<std::uint32_t> next_;  // state * classes_ + class
  std::vector<std::uint32_t> first_output_;
  std::vector<Output> outputs_;
};

}  // namespace picket::rules
