// What was computed of things that come again and again, by their hash: a table of fixed size in which a
// newer thing takes the place of an older one of the same slot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace picket {

template <class T>
class Memo {
 public:
  // `slots`: a power of two.
  explicit Memo(std::size_t slots) : slots_(slots) {}

  // Sends for what of() will look at.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[slot_of(hash)]); }

  // Valid until the next call.
  template <class Compute>
  const T& of(std::uint64_t hash, Compute compute) {
    hash |= 1;  // 0 is nothing yet
    Slot& slot = slots_[slot_of(hash)];
    if (slot.hash != hash) {
      slot.value = compute();
      slot.hash = hash;
    }
    return slot.value;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    T value{};
  };
  std::size_t slot_of(std::uint64_t hash) const { return (hash >> 1) & (slots_.size() - 1); }

  std::vector<Slot> slots_;
};

}  // namespace picket
