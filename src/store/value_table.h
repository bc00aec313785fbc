// Strings as small numbers: each distinct text is kept once and named by an id from 1 up. Ids stay valid
// until the table is replaced.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace picket {

class ValueTable {
 public:
  using Id = std::uint32_t;

  ValueTable();
  Id intern(std::string_view text);
  Id find(std::string_view text) const;  // 0 when unknown
  std::string_view text(Id id) const { return entries_[id].text; }
  double number(Id id) const { return entries_[id].number; }  // what the text spells, or NaN
  std::size_t size() const { return entries_.size(); }        // one more than the largest id
  std::size_t bytes() const;

 private:
  struct Entry {
    std::string_view text;
    double number;
  };
  std::size_t slot_of(std::string_view text) const;
  std::string_view keep(std::string_view text);
  void grow();

  std::vector<Entry> entries_;  // [0] is the absent value
  std::vector<Id> slots_;       // open addressing; a power of two, at most half full
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_used_ = 0, block_size_ = 0, block_bytes_ = 0;
};

}  // namespace picket
