// Which records of an object, by position: ascending ranges, so that a spoiled stretch costs as much as one
// record. Bounded: an object that alternates between good and bad records fills it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace picket {

class Positions {
 public:
  static constexpr std::size_t ranges_max = 100'000;  // 1.6 MB

  // Ascending; what comes twice counts once.
  void add(std::uint64_t position) {
    if (!ranges_.empty() && position <= ranges_.back().last) return;
    if (!ranges_.empty() && position == ranges_.back().last + 1) {
      ++ranges_.back().last;
    } else if (ranges_.size() < ranges_max) {
      ranges_.push_back({position, position});
    } else {
      complete_ = false;
    }
  }
  bool contains(std::uint64_t position) const {
    const auto at =
        std::lower_bound(ranges_.begin(), ranges_.end(), position,
                         [](const Range& range, std::uint64_t wanted) { return range.last < wanted; });
    return at != ranges_.end() && at->first <= position;
  }
  bool empty() const { return ranges_.empty(); }
  // Whether all that were added are in it.
  bool complete() const { return complete_; }
  std::uint64_t count() const {
    std::uint64_t sum = 0;
    for (const Range& range : ranges_) sum += range.last - range.first + 1;
    return sum;
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(ranges_, complete_);
  }

 private:
  struct Range {
    std::uint64_t first = 0, last = 0;
    template <class Ar>
    void io(Ar& ar) {
      ar(first, last);
    }
  };
  std::vector<Range> ranges_;
  bool complete_ = true;
};

}  // namespace picket
