// Distinct things, told exactly while they are few and by a sample of them afterwards: the `most` of smallest
// hash stay. Adding and merging commute and repeat without effect, whatever the order, and what is known of a
// thing that stayed is complete. With 64 kept, counts are within 13 % (1/sqrt(62)).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace picket {

// `Item` has merge(const Item&), which commutes, and io.
template <class Item, std::size_t most>
class DistinctSample {
 public:
  void add(std::uint64_t hash, const Item& item) {
    const auto [kept, fresh] = place(hash);
    if (fresh) {
      *kept = item;
    } else if (kept != nullptr) {
      kept->merge(item);
    }
  }
  // Where the thing's item is or begins, to be changed in a way that commutes; nullptr when it is not kept.
  Item* find_or_begin(std::uint64_t hash) { return place(hash).first; }
  void merge(const DistinctSample& other) {
    for (const auto& [hash, item] : other.entries_) add(hash, item);
    full_ = full_ || other.full_;
    mark_border();
  }

  const std::vector<std::pair<std::uint64_t, Item>>& entries() const { return entries_; }
  // How much of the whole the sample stands for, as a share of 2^32: everything below this hash is in it. The
  // last one kept marks the border and is not itself part of the sample once it is full.
  std::uint64_t share() const {
    return full_ ? std::max<std::uint64_t>(1, entries_.back().first >> 32) : std::uint64_t{1} << 32;
  }
  std::size_t counted() const { return full_ ? entries_.size() - 1 : entries_.size(); }
  // An estimate for everything, of a total over the counted entries.
  std::uint64_t scaled(std::uint64_t total) const {
    const std::uint64_t limit = std::numeric_limits<std::uint32_t>::max();
    return (std::min(total, limit) << 32) / share();
  }
  std::uint64_t distinct() const { return scaled(counted()); }
  std::size_t bytes() const { return entries_.capacity() * sizeof(entries_[0]); }

  template <class Ar>
  void io(Ar& ar) {
    ar(entries_, full_);
    if constexpr (Ar::reading) {
      const auto before = [](const auto& a, const auto& b) { return a.first < b.first; };
      if (entries_.size() > most || !std::is_sorted(entries_.begin(), entries_.end(), before) ||
          full_ != (entries_.size() == most)) {
        ar.fail();
        entries_.clear();
        full_ = false;
      }
      mark_border();
    }
  }

 private:
  std::pair<Item*, bool> place(std::uint64_t hash) {
    if (hash > border_) return {nullptr, false};
    auto at = std::lower_bound(entries_.begin(), entries_.end(), hash,
                               [](const auto& entry, std::uint64_t h) { return entry.first < h; });
    if (at != entries_.end() && at->first == hash) return {&at->second, false};
    if (full_) {
      std::move_backward(at, entries_.end() - 1, entries_.end());
      *at = {hash, Item{}};
    } else {
      at = entries_.insert(at, {hash, Item{}});
      full_ = entries_.size() == most;
    }
    mark_border();
    return {&at->second, true};
  }

  void mark_border() { border_ = full_ ? entries_.back().first : std::numeric_limits<std::uint64_t>::max(); }

  std::vector<std::pair<std::uint64_t, Item>> entries_;  // ascending hashes
  // Beyond it nothing is kept: strangers to a full sample are turned away without a look at its entries.
  std::uint64_t border_ = std::numeric_limits<std::uint64_t>::max();
  bool full_ = false;
};

}  // namespace picket
