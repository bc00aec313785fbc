// Minutes of a day, as a set: two bytes each while they are few, 180 bytes when they are many. Adding and
// merging commute, and equal sets are equal bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace picket {

class MinuteSet {
 public:
  static constexpr std::uint16_t minutes = 24 * 60;

  void add(std::uint16_t minute) {
    if (is_bitmap()) {
      words_[minute / 16U] = static_cast<std::uint16_t>(words_[minute / 16U] | 1U << minute % 16U);
      return;
    }
    const auto at = std::lower_bound(words_.begin(), words_.end(), minute);
    if (at != words_.end() && *at == minute) return;
    words_.insert(at, minute);
    if (words_.size() <= listed_max) return;
    std::vector<std::uint16_t> bits(bitmap_words);
    for (const std::uint16_t m : words_)
      bits[m / 16U] = static_cast<std::uint16_t>(bits[m / 16U] | 1U << m % 16U);
    words_ = std::move(bits);
  }
  void merge(const MinuteSet& other) {
    for (const std::uint16_t minute : other.sorted()) add(minute);
  }
  std::vector<std::uint16_t> sorted() const {
    if (!is_bitmap()) return words_;
    std::vector<std::uint16_t> list;
    for (std::uint16_t minute = 0; minute < minutes; ++minute) {
      if ((words_[minute / 16U] >> minute % 16U & 1U) != 0) list.push_back(minute);
    }
    return list;
  }
  std::size_t bytes() const { return words_.capacity() * sizeof(words_[0]); }
  bool operator==(const MinuteSet&) const = default;
  template <class Ar>
  void io(Ar& ar) {
    ar(words_);
    if constexpr (Ar::reading) {
      const bool listed = words_.size() <= listed_max && std::is_sorted(words_.begin(), words_.end()) &&
                          (words_.empty() || words_.back() < minutes);
      if (!listed && !is_bitmap()) {
        ar.fail();
        words_.clear();
      }
    }
  }

 private:
  static constexpr std::size_t bitmap_words = minutes / 16, listed_max = bitmap_words / 2;
  bool is_bitmap() const { return words_.size() == bitmap_words; }
  std::vector<std::uint16_t> words_;
};

}  // namespace picket
