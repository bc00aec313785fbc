#include "store/finding_index.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>

#include "base/time.h"
#include "store/condition_matcher.h"

namespace picket {

namespace {

// Where the affected resource's own name is, the most telling first, by resource.resourceType.
constexpr std::string_view resource_id_paths[] = {
    "resource.instanceDetails.instanceId",
    "resource.s3BucketDetails.name",
    "resource.eksClusterDetails.name",
    "resource.ecsClusterDetails.name",
    "resource.lambdaDetails.functionName",
    "resource.rdsDbInstanceDetails.dbInstanceIdentifier",
    "resource.rdsLimitlessDbDetails.dbShardGroupIdentifier",
    "resource.containerDetails.id",
    "resource.ebsSnapshotDetails.snapshotArn",
    "resource.ec2ImageDetails.imageArn",
    "resource.recoveryPointDetails.recoveryPointArn",
    "resource.bedrockGuardrailDetails.guardrailArn",
    "resource.accessKeyDetails.accessKeyId",
    "resource.accessKeyDetails.principalId",
    "resource.accessKeyDetails.userName",
};

AttributeId attribute_at(std::string_view path) { return *find_attribute(path); }

}  // namespace

Result<FlatDocument> FlatDocument::from(std::string_view json) {
  FlatDocument document;
  const auto flattened = flatten_document(json, [&](AttributeId attribute, std::string_view value) {
    if (value.empty()) return;
    document.values_.push_back({attribute, static_cast<std::uint32_t>(document.text_.size()),
                                static_cast<std::uint32_t>(value.size())});
    document.text_ += value;
  });
  if (!flattened) return std::unexpected(flattened.error());
  // Values of one attribute side by side, in document order.
  std::ranges::stable_sort(document.values_, {}, &Value::attribute);
  return document;
}

FindingIndex::FindingIndex() : columns_(filterable_attributes().size()) {}

FindingIndex::Slot FindingIndex::slot_for(const FindingId& id) {
  if (const auto known = slots_.find(id); known != slots_.end()) return known->second;
  Slot slot = 0;
  if (free_.empty()) {
    slot = static_cast<Slot>(id_.size());
    id_.emplace_back();
    created_at_.emplace_back();
    updated_at_.emplace_back();
    first_seen_.emplace_back();
    last_seen_.emplace_back();
    count_.emplace_back();
    severity_.emplace_back();
    live_.resize(id_.size() / 64 + 1);
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_.emplace(id, slot);
  id_[slot] = id;
  live_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  return slot;
}

FindingIndex::ValueId FindingIndex::cell(AttributeId attribute, Slot slot) const {
  const Column& column = columns_[attribute];
  const std::size_t chunk = slot / chunk_slots;
  return chunk < column.size() && column[chunk] ? (*column[chunk])[slot % chunk_slots] : 0;
}

void FindingIndex::set_cell(AttributeId attribute, Slot slot, ValueId value) {
  Column& column = columns_[attribute];
  const std::size_t chunk = slot / chunk_slots;
  if (chunk >= column.size() || !column[chunk]) {
    if (value == 0) return;
    if (chunk >= column.size()) column.resize(chunk + 1);
    column[chunk] = std::make_unique<Chunk>();
  }
  (*column[chunk])[slot % chunk_slots] = value;
}

template <class F>
void FindingIndex::each_value(ValueId cell, F&& f) const {
  if (cell == 0) return;
  if ((cell & list_bit) == 0) {
    f(cell);
    return;
  }
  const std::string_view list = lists_.text(cell & ~list_bit);
  for (std::size_t at = 0; at < list.size(); at += sizeof(ValueId)) {
    ValueId value = 0;
    std::memcpy(&value, list.data() + at, sizeof value);
    f(value);
  }
}

FindingIndex::ValueId FindingIndex::first_value(ValueId cell) const {
  if ((cell & list_bit) == 0) return cell;
  ValueId value = 0;
  std::memcpy(&value, lists_.text(cell & ~list_bit).data(), sizeof value);
  return value;
}

void FindingIndex::upsert(const FindingRow& row, const FlatDocument& document, Archived archived,
                          std::string_view feedback) {
  const auto id = parse_finding_id(row.id);
  if (!id) return;
  const Slot slot = slot_for(*id);
  created_at_[slot] = row.created_at;
  updated_at_[slot] = row.updated_at;
  first_seen_[slot] = row.first_seen;
  last_seen_[slot] = row.last_seen;
  count_[slot] = row.count;
  severity_[slot] = static_cast<std::int8_t>(std::lround(row.severity * 10));
  for (std::size_t i = 0; i < columns_.size(); ++i) set_cell(static_cast<AttributeId>(i), slot, 0);
  const auto set_text = [&](AttributeId attribute, std::string_view text) {
    set_cell(attribute, slot, text.empty() ? 0 : values_.intern(text));
  };
  set_text(attribute::account(), row.account);
  set_text(attribute::region(), row.region);
  set_text(attribute::type(), row.type);
  set_text(attribute::detector_id(), row.detector_id);
  set_text(attribute::archived(), archived == Archived::no ? "false" : "true");
  set_text(attribute::user_feedback(), feedback);

  std::string list;
  AttributeId listed = 0;
  const auto finish = [&] {
    if (list.empty()) return;
    ValueId value = 0;
    if (list.size() == sizeof value)
      std::memcpy(&value, list.data(), sizeof value);
    else
      value = lists_.intern(list) | list_bit;
    set_cell(listed, slot, value);
    list.clear();
  };
  document.for_each([&](AttributeId attribute, std::string_view text) {
    if (attribute != listed) finish();
    listed = attribute;
    const ValueId value = values_.intern(text);
    list.append(reinterpret_cast<const char*>(&value), sizeof value);
  });
  finish();
}

void FindingIndex::erase(const FindingId& id) {
  const auto known = slots_.find(id);
  if (known == slots_.end()) return;
  const Slot slot = known->second;
  for (std::size_t i = 0; i < columns_.size(); ++i) set_cell(static_cast<AttributeId>(i), slot, 0);
  live_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  free_.push_back(slot);
  slots_.erase(known);
}

void FindingIndex::set_archived(const FindingId& id, Archived archived) {
  if (const auto known = slots_.find(id); known != slots_.end())
    set_cell(attribute::archived(), known->second,
             values_.intern(archived == Archived::no ? "false" : "true"));
}

void FindingIndex::set_feedback(const FindingId& id, std::string_view feedback) {
  if (const auto known = slots_.find(id); known != slots_.end())
    set_cell(attribute::user_feedback(), known->second, feedback.empty() ? 0 : values_.intern(feedback));
}

void FindingIndex::compact_if_wasteful() {
  constexpr std::size_t slack = 64 << 10;
  if (values_.size() + lists_.size() < 2 * values_after_compaction_ + slack) return;
  ValueTable values, lists;
  std::vector<ValueId> new_value(values_.size()), new_list(lists_.size());
  const auto moved = [&](ValueId value) {
    if (new_value[value] == 0) new_value[value] = values.intern(values_.text(value));
    return new_value[value];
  };
  std::string list;
  for (Column& column : columns_) {
    for (auto& chunk : column) {
      if (!chunk) continue;
      bool used = false;
      for (ValueId& cell : *chunk) {
        if (cell == 0) continue;
        used = true;
        if ((cell & list_bit) == 0) {
          cell = moved(cell);
          continue;
        }
        ValueId& target = new_list[cell & ~list_bit];
        if (target == 0) {
          list.clear();
          each_value(cell, [&](ValueId value) {
            const ValueId now = moved(value);
            list.append(reinterpret_cast<const char*>(&now), sizeof now);
          });
          target = lists.intern(list);
        }
        cell = target | list_bit;
      }
      if (!used) chunk.reset();
    }
  }
  values_ = std::move(values);
  lists_ = std::move(lists);
  values_after_compaction_ = values_.size() + lists_.size();
}

bool FindingIndex::contains(const Scope& scope, const FindingId& id) const {
  const auto known = slots_.find(id);
  if (known == slots_.end()) return false;
  const auto text = [&](AttributeId attribute) { return values_.text(cell(attribute, known->second)); };
  if (scope.region && text(attribute::region()) != *scope.region) return false;
  return !scope.accounts ||
         std::ranges::find(*scope.accounts, text(attribute::account())) != scope.accounts->end();
}

template <class F>
void FindingIndex::each_slot(const Selection& selection, F&& f) const {
  for (std::size_t word = 0; word < selection.size(); ++word)
    for (std::uint64_t bits = selection[word]; bits != 0; bits &= bits - 1)
      f(static_cast<Slot>(word * 64 + static_cast<std::size_t>(std::countr_zero(bits))));
}

template <class F>
bool FindingIndex::with_row_numbers(AttributeId a, F&& f) const {
  const auto of = [&](const std::vector<std::int64_t>& column) {
    f([&column](Slot slot) { return static_cast<double>(column[slot]); });
  };
  if (a == attribute::severity())
    f([this](Slot slot) { return severity_[slot] / 10.0; });
  else if (a == attribute::count())
    of(count_);
  else if (a == attribute::created_at())
    of(created_at_);
  else if (a == attribute::updated_at())
    of(updated_at_);
  else if (a == attribute::first_seen())
    of(first_seen_);
  else if (a == attribute::last_seen())
    of(last_seen_);
  else
    return false;
  return true;
}

void FindingIndex::apply(const Condition& condition, Selection& selection) const {
  const ConditionMatcher matcher(condition);
  const AttributeId a = condition.attribute;
  // Clears the bits of the slots whose flags do not pass, a word at a time.
  const auto keep = [&](auto&& flags_of) {
    for (std::size_t word = 0; word < selection.size(); ++word) {
      std::uint64_t kept = 0;
      for (std::uint64_t bits = selection[word]; bits != 0; bits &= bits - 1) {
        const auto slot = static_cast<Slot>(word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
        if (matcher.passes(flags_of(slot))) kept |= bits & -bits;
      }
      selection[word] = kept;
    }
  };
  if (with_row_numbers(
          a, [&](auto number) { keep([&](Slot slot) { return matcher.number_flags(number(slot)); }); }))
    return;
  if (a == attribute::id()) {
    // Names the few slots it can be, when it names any.
    if (!condition.equals.empty()) {
      Selection named(selection.size());
      for (const std::string& text : condition.equals) {
        const auto id = parse_finding_id(text);
        const auto slot = id ? slots_.find(*id) : slots_.end();
        if (slot != slots_.end()) named[slot->second / 64] |= std::uint64_t{1} << (slot->second % 64);
      }
      for (std::size_t word = 0; word < selection.size(); ++word) selection[word] &= named[word];
    }
    return keep([&](Slot slot) { return matcher.text_flags(finding_id_text(id_[slot])); });
  }

  // What a value or a list meets is found out once each; the top bit says that it was.
  constexpr std::uint8_t known = 0x80;
  std::vector<std::uint8_t> of_value(values_.size()), of_list(lists_.size());
  const auto value_flags = [&](ValueId value) -> unsigned {
    std::uint8_t& flags = of_value[value];
    if (flags == 0)
      flags =
          static_cast<std::uint8_t>(known | matcher.text_flags(values_.text(value), values_.number(value)));
    return flags & ~static_cast<unsigned>(known);
  };
  const bool absent_passes = matcher.passes(0);
  const Column& column = columns_[a];
  constexpr std::size_t chunk_words = chunk_slots / 64;
  for (std::size_t word = 0; word < selection.size(); ++word) {
    const std::size_t chunk_at = word / chunk_words;
    const Chunk* const chunk = chunk_at < column.size() ? column[chunk_at].get() : nullptr;
    if (chunk == nullptr) {
      if (!absent_passes) selection[word] = 0;
      continue;
    }
    const ValueId* const cells = chunk->data() + word % chunk_words * 64;
    std::uint64_t kept = 0;
    for (std::uint64_t bits = selection[word]; bits != 0; bits &= bits - 1) {
      const ValueId cell = cells[std::countr_zero(bits)];
      bool passes = absent_passes;
      if (cell != 0 && (cell & list_bit) == 0) {
        passes = matcher.passes(value_flags(cell));
      } else if (cell != 0) {
        std::uint8_t& flags = of_list[cell & ~list_bit];
        if (flags == 0) {
          flags = known;
          each_value(cell,
                     [&](ValueId value) { flags = static_cast<std::uint8_t>(flags | value_flags(value)); });
        }
        passes = matcher.passes(flags & ~static_cast<unsigned>(known));
      }
      if (passes) kept |= bits & -bits;
    }
    selection[word] = kept;
  }
}

FindingIndex::Selection FindingIndex::select(const Scope& scope, const Criteria& criteria) const {
  Selection selection = live_;
  const auto only = [&](AttributeId attribute, const std::vector<std::string>& values) {
    if (values.empty()) return selection.assign(selection.size(), 0);
    apply(Condition{.attribute = attribute, .equals = values}, selection);
  };
  if (scope.accounts) only(attribute::account(), *scope.accounts);
  if (scope.region) only(attribute::region(), {*scope.region});
  for (const Condition& condition : criteria.conditions) apply(condition, selection);
  return selection;
}

std::int64_t FindingIndex::count(const Selection& selection) const {
  std::int64_t total = 0;
  for (const std::uint64_t word : selection) total += std::popcount(word);
  return total;
}

template <class F>
void FindingIndex::with_sort_keys(const Sort& sort, F&& f) const {
  const AttributeId a = sort.attribute;
  if (with_row_numbers(a, [&](auto number) {
        f([&](Slot slot) {
          return SortKey{.present = true, .number = number(slot), .text = {}, .id = id_[slot]};
        });
      }))
    return;
  if (a == attribute::id())
    return f([&](Slot slot) { return SortKey{.present = true, .number = 0, .text = {}, .id = id_[slot]}; });
  const AttributeKind kind = filterable_attributes()[a].kind;
  const bool by_number = kind == AttributeKind::number || kind == AttributeKind::time;
  f([this, a, by_number](Slot slot) {
    SortKey key{.id = id_[slot]};
    const ValueId value = first_value(cell(a, slot));
    if (value == 0) return key;
    if (by_number) {
      const double number = values_.number(value);
      key.present = !std::isnan(number);
      key.number = key.present ? number : 0;
    } else {
      key.present = true;
      key.text = values_.text(value).substr(0, sort_text_bytes_max);
    }
    return key;
  });
}

std::vector<PagePosition> FindingIndex::page(const Selection& selection, const Sort& sort,
                                             const std::optional<PagePosition>& after,
                                             std::size_t max) const {
  // The id is the last resort of the order, ascending either way; sorting by id turns that round.
  const bool ids_down = sort.attribute == attribute::id() && sort.descending;
  const auto before = [&](const SortKey& a, const SortKey& b) {
    return ids_down ? b.id < a.id : precedes(a, b, sort.descending);
  };
  const SortKey start = after ? after->key() : SortKey{};
  // The best so far, unordered and with some more behind them; cut back whenever it is full.
  const std::size_t wanted = max + 1;
  std::vector<SortKey> best;
  std::optional<SortKey> worst;  // of the wanted ones at the last cut
  const auto cut = [&] {
    if (best.size() <= wanted) return;
    const auto last = best.begin() + static_cast<std::ptrdiff_t>(wanted) - 1;
    std::ranges::nth_element(best, last, before);
    worst = *last;
    best.resize(wanted);
  };
  with_sort_keys(sort, [&](auto key_of) {
    each_slot(selection, [&](Slot slot) {
      const SortKey key = key_of(slot);
      if ((worst && !before(key, *worst)) || (after && !before(start, key))) return;
      best.push_back(key);
      if (best.size() >= 4 * wanted) cut();
    });
  });
  cut();
  std::ranges::sort(best, before);
  std::vector<PagePosition> positions;
  for (const SortKey& at : best) positions.push_back({at.present, at.number, std::string(at.text), at.id});
  return positions;
}

std::vector<FindingId> FindingIndex::ids_by_creation(const Selection& selection) const {
  std::vector<Slot> slots;
  each_slot(selection, [&](Slot slot) { slots.push_back(slot); });
  std::ranges::sort(slots, [&](Slot a, Slot b) {
    return created_at_[a] != created_at_[b] ? created_at_[a] < created_at_[b] : id_[a] < id_[b];
  });
  std::vector<FindingId> ids;
  ids.reserve(slots.size());
  for (const Slot slot : slots) ids.push_back(id_[slot]);
  return ids;
}

std::map<int, std::int64_t> FindingIndex::count_by_severity(const Selection& selection) const {
  std::map<int, std::int64_t> counts;
  each_slot(selection, [&](Slot slot) { ++counts[severity_[slot]]; });
  return counts;
}

std::vector<GroupCount> FindingIndex::group(const Selection& selection, GroupBy group_by, bool descending,
                                            std::size_t max) const {
  struct Key {
    std::int64_t a = 0, b = 0, c = 0;
    auto operator<=>(const Key&) const = default;
  };
  static const AttributeId resource_type = attribute_at("resource.resourceType");
  static const std::vector<AttributeId> resource_ids = [] {
    std::vector<AttributeId> ids;
    for (const std::string_view path : resource_id_paths) ids.push_back(attribute_at(path));
    return ids;
  }();
  const auto resource_id = [&](Slot slot) -> ValueId {
    for (const AttributeId attribute : resource_ids)
      if (const ValueId value = first_value(cell(attribute, slot))) return value;
    return 0;
  };
  const auto day = [](TimeMs time) {
    const TimeMs into = time % day_ms;
    return time - (into < 0 ? into + day_ms : into);
  };
  struct Total {
    std::int64_t count = 0;
    TimeMs latest = std::numeric_limits<TimeMs>::min();
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return hash_mix(hash_mix(static_cast<std::uint64_t>(key.a), static_cast<std::uint64_t>(key.b)),
                      static_cast<std::uint64_t>(key.c));
    }
  };
  boost::unordered_flat_map<Key, Total, KeyHash> totals;
  each_slot(selection, [&](Slot slot) {
    Key key;
    switch (group_by) {
      case GroupBy::account:
        key.a = cell(attribute::account(), slot);
        break;
      case GroupBy::finding_type:
        key.a = cell(attribute::type(), slot);
        break;
      case GroupBy::severity:
        key.a = severity_[slot];
        break;
      case GroupBy::date:
        key = {day(updated_at_[slot]), severity_[slot]};
        break;
      case GroupBy::resource:
        key = {cell(attribute::account(), slot), first_value(cell(resource_type, slot)), resource_id(slot)};
        break;
    }
    Total& total = totals[key];
    ++total.count;
    total.latest = std::max(total.latest, updated_at_[slot]);
  });
  std::vector<std::pair<Key, Total>> ordered(totals.begin(), totals.end());
  const auto name = [&](std::int64_t value) { return values_.text(static_cast<ValueId>(value)); };
  const bool by_itself = group_by == GroupBy::date || group_by == GroupBy::severity;
  const auto before = [&](const auto& a, const auto& b) {
    if (by_itself) return descending ? b.first < a.first : a.first < b.first;
    if (a.second.count != b.second.count)
      return descending ? a.second.count > b.second.count : a.second.count < b.second.count;
    return std::tuple(name(a.first.a), name(a.first.b), name(a.first.c)) <
           std::tuple(name(b.first.a), name(b.first.b), name(b.first.c));
  };
  const std::size_t kept = std::min(max, ordered.size());
  std::ranges::partial_sort(ordered, ordered.begin() + static_cast<std::ptrdiff_t>(kept), before);
  ordered.resize(kept);

  std::vector<GroupCount> groups;
  const auto text = [&](std::int64_t value) { return std::string(name(value)); };
  for (const auto& [key, total] : ordered) {
    GroupCount group{.total = total.count, .last_generated_at = total.latest};
    switch (group_by) {
      case GroupBy::account:
        group.account = text(key.a);
        break;
      case GroupBy::finding_type:
        group.finding_type = text(key.a);
        break;
      case GroupBy::severity:
        group.severity = static_cast<double>(key.a) / 10;
        break;
      case GroupBy::date:
        group.date = key.a;
        group.severity = static_cast<double>(key.b) / 10;
        break;
      case GroupBy::resource:
        group.account = text(key.a);
        group.resource_type = text(key.b);
        group.resource_id = text(key.c);
        break;
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

std::size_t FindingIndex::bytes() const {
  std::size_t total = values_.bytes() + lists_.bytes();
  for (const Column& column : columns_) {
    total += column.capacity() * sizeof(column[0]);
    for (const auto& chunk : column) total += chunk ? sizeof(Chunk) : 0;
  }
  const std::size_t row = sizeof(FindingId) + 5 * sizeof(std::int64_t) + 1;
  return total + id_.capacity() * row + slots_.bucket_count() * (sizeof(FindingId) + sizeof(Slot) + 1);
}

}  // namespace picket
