#include "models/joined_words.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/hash.h"

namespace picket {

extern const std::string_view word_list;  // data/models/words.txt

namespace {

constexpr std::size_t label_max = 63, word_min = 3, word_max = 8;
constexpr std::size_t joined_min = 7, letters_to_a_word = 4, long_min = 12, digits_max = 4;

// Hashes of the words, sorted: 250 kB.
class Words {
 public:
  Words() {
    for (std::string_view text = word_list; !text.empty();) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      hashes_.push_back(hash64(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    std::ranges::sort(hashes_);
  }
  bool contains(std::string_view word) const { return std::ranges::binary_search(hashes_, hash64(word)); }

 private:
  std::vector<std::uint64_t> hashes_;
};

// The fewest words that cover the label, hyphens between them left out; 0: none do.
std::size_t words_covering(std::string_view label) {
  static const Words words;
  // One more than the fewest that cover what stands before; 0: not to be reached.
  std::array<std::uint8_t, label_max + 1> fewest{};
  fewest[0] = 1;
  const auto reach = [&](std::size_t at, std::uint8_t count) {
    if (fewest[at] == 0 || count < fewest[at]) fewest[at] = count;
  };
  for (std::size_t at = 0; at < label.size(); ++at) {
    if (fewest[at] == 0) continue;
    if (label[at] == '-') reach(at + 1, fewest[at]);
    for (std::size_t size = word_min; size <= std::min(word_max, label.size() - at); ++size) {
      if (words.contains(label.substr(at, size))) reach(at + size, static_cast<std::uint8_t>(fewest[at] + 1));
    }
  }
  return fewest[label.size()] == 0 ? 0 : fewest[label.size()] - 1;
}

}  // namespace

bool looks_joined(std::string_view label) {
  if (label.size() > label_max) return false;
  // Some families number what they join.
  for (std::size_t i = 0; i < digits_max && !label.empty() && label.back() >= '0' && label.back() <= '9'; ++i)
    label.remove_suffix(1);
  std::size_t letters = 0;
  for (const char c : label) {
    if (c >= 'a' && c <= 'z') {
      ++letters;
    } else if (c != '-') {
      return false;
    }
  }
  if (letters >= long_min) return true;
  if (letters < joined_min) return false;
  const std::size_t words = words_covering(label);
  return words >= 2 && words <= 1 + letters / letters_to_a_word;
}

}  // namespace picket
