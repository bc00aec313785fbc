#include "store/value_table.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "store/condition_matcher.h"

namespace picket {

constexpr std::size_t block_bytes = 256 << 10;

ValueTable::ValueTable() : entries_(1), slots_(1024) {}

std::size_t ValueTable::slot_of(std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash64(text) & mask;
  while (slots_[slot] != 0 && entries_[slots_[slot]].text != text) slot = (slot + 1) & mask;
  return slot;
}

ValueTable::Id ValueTable::find(std::string_view text) const { return slots_[slot_of(text)]; }

ValueTable::Id ValueTable::intern(std::string_view text) {
  std::size_t slot = slot_of(text);
  if (slots_[slot] != 0) return slots_[slot];
  if (entries_.size() * 2 >= slots_.size()) {
    grow();
    slot = slot_of(text);
  }
  entries_.push_back({keep(text), number_of(text)});
  return slots_[slot] = static_cast<Id>(entries_.size() - 1);
}

std::string_view ValueTable::keep(std::string_view text) {
  if (text.empty()) return {};
  if (block_used_ + text.size() > block_size_) {
    block_size_ = std::max(block_bytes, text.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_size_));
    block_bytes_ += block_size_;
    block_used_ = 0;
  }
  char* const at = blocks_.back().get() + block_used_;
  std::memcpy(at, text.data(), text.size());
  block_used_ += text.size();
  return {at, text.size()};
}

void ValueTable::grow() {
  slots_.assign(slots_.size() * 2, 0);
  for (Id id = 1; id < entries_.size(); ++id) slots_[slot_of(entries_[id].text)] = id;
}

std::size_t ValueTable::bytes() const {
  return entries_.capacity() * sizeof(Entry) + slots_.capacity() * sizeof(Id) + block_bytes_;
}

}  // namespace picket
