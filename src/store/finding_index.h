// The filter index: a column of dictionary-coded values per filterable attribute, in memory, so that any
// criteria over 100,000 findings cost about a millisecond and no document is parsed. Not synchronised:
// the store locks it.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "store/finding_store.h"
#include "store/page_token.h"
#include "store/value_table.h"

namespace picket {

// The filterable values of one document, taken out before any lock is held.
class FlatDocument {
 public:
  static Result<FlatDocument> from(std::string_view json);
  template <class F>
  void for_each(F&& f) const {
    for (const Value& value : values_)
      f(value.attribute, std::string_view(text_).substr(value.offset, value.size));
  }

 private:
  struct Value {
    AttributeId attribute;
    std::uint32_t offset, size;
  };
  std::string text_;
  std::vector<Value> values_;
};

class FindingIndex {
 public:
  using Slot = std::uint32_t;
  using Selection = std::vector<std::uint64_t>;  // one bit a slot

  FindingIndex();

  // Adds or replaces; `row.id` is valid. User-owned state is taken from the arguments.
  void upsert(const FindingRow& row, const FlatDocument& document, Archived archived,
              std::string_view feedback);
  void erase(const FindingId& id);
  void set_archived(const FindingId& id, Archived archived);
  void set_feedback(const FindingId& id, std::string_view feedback);
  // Replaces the dictionary by one of the values still in use, once most are not. Call after changes.
  void compact_if_wasteful();

  bool contains(const Scope& scope, const FindingId& id) const;
  Selection select(const Scope& scope, const Criteria& criteria) const;
  std::int64_t count(const Selection& selection) const;
  // At most `max` + 1 positions behind `after` in the order of `sort`.
  std::vector<PagePosition> page(const Selection& selection, const Sort& sort,
                                 const std::optional<PagePosition>& after, std::size_t max) const;
  std::vector<FindingId> ids_by_creation(const Selection& selection) const;
  std::map<int, std::int64_t> count_by_severity(const Selection& selection) const;  // key in tenths
  // The first `max` groups in the order that FindingStore::statistics tells.
  std::vector<GroupCount> group(const Selection& selection, GroupBy group_by, bool descending,
                                std::size_t max) const;

  std::size_t size() const { return slots_.size(); }
  std::size_t bytes() const;

 private:
  using ValueId = ValueTable::Id;
  static constexpr std::size_t chunk_slots = 4096;
  static constexpr ValueId list_bit = 0x80000000U;  // the cell names a list of values, not a value
  using Chunk = std::array<ValueId, chunk_slots>;
  using Column = std::vector<std::unique_ptr<Chunk>>;  // no chunk: absent in all its slots

  struct IdHash {
    std::size_t operator()(const FindingId& id) const {
      return hash64({reinterpret_cast<const char*>(id.data()), id.size()});
    }
  };

  Slot slot_for(const FindingId& id);
  ValueId cell(AttributeId attribute, Slot slot) const;
  void set_cell(AttributeId attribute, Slot slot, ValueId value);
  ValueId first_value(ValueId cell) const;
  template <class F>
  void each_value(ValueId cell, F&& f) const;
  // Calls `f` with a function from slot to number, when the attribute is a number or time of the row.
  template <class F>
  bool with_row_numbers(AttributeId attribute, F&& f) const;
  void apply(const Condition& condition, Selection& selection) const;
  // Calls `f` with a function from slot to sort key.
  template <class F>
  void with_sort_keys(const Sort& sort, F&& f) const;
  template <class F>
  void each_slot(const Selection& selection, F&& f) const;

  boost::unordered_flat_map<FindingId, Slot, IdHash> slots_;
  std::vector<Slot> free_;
  // By slot.
  std::vector<std::uint64_t> live_;  // bits
  std::vector<FindingId> id_;
  std::vector<TimeMs> created_at_, updated_at_, first_seen_, last_seen_;
  std::vector<std::int64_t> count_;
  std::vector<std::int8_t> severity_;  // in tenths

  std::vector<Column> columns_;  // by attribute; text attributes of the row included
  ValueTable values_, lists_;    // a list's text is its value ids, 4 bytes each
  std::size_t values_after_compaction_ = 0;
};

}  // namespace picket
