// Maps disjoint address ranges to small numbers: the shared table under indicators, GeoIP and AWS ranges.
// Fill in ascending order, freeze(), then find() from any thread. IPv4 and IPv6 are kept apart.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/ip.h"

namespace picket {

__extension__ typedef unsigned __int128 Uint128;

Uint128 to_uint128(const IpAddress& ip);

class RangeMap {
 public:
  static constexpr std::uint32_t none = UINT32_MAX;

  // Ranges (both ends included) must ascend and not overlap; neighbours of equal value are joined.
  void add_v4(std::uint32_t first, std::uint32_t last, std::uint32_t value) { v4_.add(first, last, value); }
  void add_v6(Uint128 first, Uint128 last, std::uint32_t value) { v6_.add(first, last, value); }
  void freeze();

  std::uint32_t find(const IpAddress& ip) const {
    return ip.is_v4() ? find_v4(ip.v4_value()) : find_v6(to_uint128(ip));
  }
  std::uint32_t find_v4(std::uint32_t ip) const {
    const auto begin = v4_.starts.begin();
    auto low = begin, high = v4_.starts.end();
    if (!top_.empty()) {
      low = begin + top_[ip >> 16];
      high = begin + top_[(ip >> 16) + 1];
    }
    const auto after = std::upper_bound(low, high, ip);
    return after == begin ? none : v4_.values[static_cast<std::size_t>(after - begin) - 1];
  }
  std::uint32_t find_v6(Uint128 ip) const {
    const auto after = std::upper_bound(v6_.starts.begin(), v6_.starts.end(), ip);
    return after == v6_.starts.begin() ? none
                                       : v6_.values[static_cast<std::size_t>(after - v6_.starts.begin()) - 1];
  }

  // Calls visit(first, last) for each range that has a value, ascending.
  template <class F>
  void each_v4(F visit) const {
    for (std::size_t i = 0; i < v4_.starts.size(); ++i) {
      if (v4_.values[i] == none) continue;
      visit(v4_.starts[i], i + 1 < v4_.starts.size() ? v4_.starts[i + 1] - 1 : UINT32_MAX);
    }
  }
  std::size_t pieces_v4() const { return v4_.starts.size(); }
  std::size_t pieces_v6() const { return v6_.starts.size(); }
  std::size_t bytes() const;

 private:
  template <class Key>
  struct Column {  // A value holds from its start to the next start; gaps are pieces with value `none`.
    std::vector<Key> starts;
    std::vector<std::uint32_t> values;
    Key next = 0;  // the address after the last range added

    void add(Key first, Key last, std::uint32_t value) {
      if (!starts.empty() && next != first && values.back() != none) push(next, none);
      push(first, value);
      next = last + 1;
      closed = next == 0;
    }
    void push(Key start, std::uint32_t value) {
      if (!values.empty() && values.back() == value) return;
      starts.push_back(start);
      values.push_back(value);
    }
    void finish() {
      if (!starts.empty() && !closed) push(next, none);
      starts.shrink_to_fit();
      values.shrink_to_fit();
    }
    bool closed = false;  // the last range ends at the highest address
  };

  Column<std::uint32_t> v4_;
  Column<Uint128> v6_;
  std::vector<std::uint32_t>
      top_;  // by the first 16 bits of an IPv4 address: index of the first start not below them
};

struct PrefixValue {
  IpPrefix prefix;
  std::uint32_t value = 0;
};

// Of the prefixes that hold one range, how many are told apart: bounds the work on lists that repeat a
// prefix.
constexpr std::size_t values_per_range_max = 256;

// Cuts prefixes, which may repeat and nest, into disjoint ranges and numbers each by
// choose(values), called with the values of the prefixes that hold the range, most specific first, then in
// the order given, at most values_per_range_max of them. The result is frozen.
RangeMap flatten(std::span<const PrefixValue> prefixes,
                 const std::function<std::uint32_t(std::span<const std::uint32_t>)>& choose);

// Membership of an IPv4 address in a frozen RangeMap: one bitmap over /24 blocks answers most negatives with
// one memory access, a second level of 256-bit maps the rest (the DIR-24-8 layout with bits for entries).
// Sets too small to repay the 4 MiB stay empty; ask ready() first.
class V4Bitmap {
 public:
  explicit V4Bitmap(const RangeMap& ranges);
  V4Bitmap() = default;

  bool ready() const { return !blocks_.empty(); }
  void prefetch(std::uint32_t ip) const {
    if (touches(ip)) __builtin_prefetch(&blocks_[ip >> 14]);
  }
  bool contains(std::uint32_t ip) const {
    if (!touches(ip)) return false;
    const Block& block = blocks_[ip >> 14];
    const unsigned bit = (ip >> 8) & 63U;
    if ((block.full >> bit & 1U) != 0) return true;
    if ((block.partial >> bit & 1U) == 0) return false;
    const auto below =
        static_cast<unsigned>(__builtin_popcountll(block.partial & ((std::uint64_t{1} << bit) - 1)));
    const std::size_t leaf = std::size_t{ranks_[ip >> 14]} + below;
    return (leaves_[leaf * 4 + ((ip >> 6) & 3U)] >> (ip & 63U) & 1U) != 0;
  }
  std::size_t bytes() const {
    return touched_.size() * 8 + blocks_.size() * sizeof(Block) + ranks_.size() * 4 + leaves_.size() * 8;
  }

 private:
  struct Block {  // 64 blocks of 256 addresses
    std::uint64_t full = 0, partial = 0;
  };
  // Most blocks hold nothing: 32 kB that stay in the cache say so, where the blocks take 4 MB.
  bool touches(std::uint32_t ip) const { return (touched_[ip >> 20] >> (ip >> 14 & 63U) & 1U) != 0; }
  std::vector<std::uint64_t> touched_;
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> ranks_;  // leaves before this block
  std::vector<std::uint64_t> leaves_;
};

}  // namespace picket
