// Hash tables whose bytes are the same whatever the order of insertion: Boost's, saved in order of key. The
// order of their iteration says nothing.
#pragma once

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_map.hpp>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace picket {

// Of keys that are hashes already, and of texts.
struct FlatHash {
  using is_avalanching = void;
  using is_transparent = void;
  std::size_t operator()(std::uint64_t hash) const { return hash; }
  std::size_t operator()(std::string_view text) const { return hash64(text); }
};

template <class Table>
class SavedInOrder : public Table {
 public:
  using Key = typename Table::key_type;
  // In ascending order.
  std::vector<Key> keys() const {
    std::vector<Key> all;
    all.reserve(this->size());
    for (const auto& [key, value] : *this) all.push_back(key);
    std::ranges::sort(all);
    return all;
  }

  template <class Ar>
  void io(Ar& ar) {
    auto size = static_cast<std::uint32_t>(this->size());
    ar(size);
    if constexpr (Ar::reading) {
      this->clear();
      for (std::uint32_t i = 0; i < size && !ar.failed(); ++i) {
        Key key{};
        typename Table::mapped_type value{};
        ar(key, value);
        if (!ar.failed()) this->insert_or_assign(std::move(key), std::move(value));
      }
    } else {
      for (const Key& key : keys()) ar(key, this->find(key)->second);
    }
  }
};

// Values move when it grows.
template <class Key, class Value>
using FlatMap = SavedInOrder<boost::unordered_flat_map<Key, Value, FlatHash, std::equal_to<>>>;
// Values stay where they are: for large ones.
template <class Key, class Value>
using NodeMap = SavedInOrder<boost::unordered_map<Key, Value, FlatHash, std::equal_to<>>>;

}  // namespace picket
