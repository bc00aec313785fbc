// What waits for a target at one severity. Rules and the entities their findings are about take turns, so
// that one that floods delays none of the others by more than two; every other time the oldest goes, so that
// nothing waits for ever.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace picket::respond {

// An Item has a `sequence`, which tells it from all others and how old it is, a `rule` and an `entity`.
template <class Item>
class FairQueue {
 public:
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }

  void add(Item item) {
    const std::uint64_t sequence = item.sequence;
    const auto [at, fresh] = flows_.try_emplace({item.rule, item.entity});
    Flow& flow = at->second;
    if (fresh) {
      flow.turn = turn_;
    } else {
      turns_.erase(place_of(flow));
    }
    flow.sequences.insert(sequence);
    turns_.insert(place_of(flow));
    items_.emplace(sequence, std::move(item));
  }

  // Whose turn it is. The queue must not be empty.
  Item take() {
    oldest_next_ = !oldest_next_;
    if (oldest_next_) return std::move(*remove(items_.begin()->first, true));
    const auto [turn, sequence] = *turns_.begin();
    turn_ = turn;
    return std::move(*remove(sequence, true));
  }

  // Nothing when it does not wait here.
  std::optional<Item> remove(std::uint64_t sequence) { return remove(sequence, false); }

 private:
  struct Flow {
    std::uint64_t turn = 0;  // the lowest is next
    std::set<std::uint64_t> sequences;
  };
  static std::pair<std::uint64_t, std::uint64_t> place_of(const Flow& flow) {
    return {flow.turn, *flow.sequences.begin()};
  }

  std::optional<Item> remove(std::uint64_t sequence, bool served) {
    auto node = items_.extract(sequence);
    if (!node) return std::nullopt;
    Item& item = node.mapped();
    const auto at = flows_.find({item.rule, item.entity});
    Flow& flow = at->second;
    turns_.erase(place_of(flow));
    flow.sequences.erase(sequence);
    if (served) ++flow.turn;
    if (flow.sequences.empty()) {
      flows_.erase(at);
    } else {
      turns_.insert(place_of(flow));
    }
    return std::move(item);
  }

  std::map<std::uint64_t, Item> items_;                          // by sequence
  std::map<std::pair<std::string, std::uint64_t>, Flow> flows_;  // by rule and entity
  std::set<std::pair<std::uint64_t, std::uint64_t>> turns_;      // turn and oldest of each flow
  std::uint64_t turn_ = 0;                                       // that goes now
  bool oldest_next_ = true;
};

}  // namespace picket::respond
