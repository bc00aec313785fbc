#include "enrich/range_map.h"

namespace picket {

namespace {

// Below this many pieces a binary search stays in the nearest cache and an index costs more than it saves.
constexpr std::size_t index_pieces_min = 1024;

template <class Key>
struct Span {
  Key first, last;
  std::uint32_t value;
  std::uint32_t order;
};

// Prefixes nest or are disjoint, so a stack of the open ones tells at each point which hold it.
template <class Key, class Emit>
void sweep(std::vector<Span<Key>>& spans,
           const std::function<std::uint32_t(std::span<const std::uint32_t>)>& choose, Emit emit) {
  std::sort(spans.begin(), spans.end(), [](const Span<Key>& a, const Span<Key>& b) {
    if (a.first != b.first) return a.first < b.first;
    if (a.last != b.last) return a.last > b.last;
    return a.order > b.order;  // so that of equals the one given first is on top of the stack
  });
  std::vector<const Span<Key>*> open;
  std::vector<std::uint32_t> values;
  Key cursor = 0;         // everything below is emitted
  bool finished = false;  // the highest address is emitted
  const auto emit_to = [&](Key last) {
    if (finished || cursor > last) return;
    values.clear();
    for (auto span = open.rbegin(); span != open.rend() && values.size() < values_per_range_max; ++span) {
      values.push_back((*span)->value);
    }
    emit(cursor, last, choose(values));
    cursor = last + 1;
    finished = cursor == 0;
  };
  for (const Span<Key>& span : spans) {
    while (!open.empty() && open.back()->last < span.first) {
      emit_to(open.back()->last);
      open.pop_back();
    }
    if (!open.empty() && cursor < span.first) emit_to(span.first - 1);
    cursor = std::max(cursor, span.first);
    open.push_back(&span);
  }
  while (!open.empty()) {
    emit_to(open.back()->last);
    open.pop_back();
  }
}

}  // namespace

Uint128 to_uint128(const IpAddress& ip) { return static_cast<Uint128>(ip.high()) << 64 | ip.low(); }

void RangeMap::freeze() {
  v4_.finish();
  v6_.finish();
  if (v4_.starts.size() < index_pieces_min) return;
  top_.assign(65537, 0);
  std::size_t at = 0;
  for (std::uint32_t high = 0; high < 65536; ++high) {
    while (at < v4_.starts.size() && v4_.starts[at] < high << 16) ++at;
    top_[high] = static_cast<std::uint32_t>(at);
  }
  top_[65536] = static_cast<std::uint32_t>(v4_.starts.size());
}

std::size_t RangeMap::bytes() const {
  return v4_.starts.size() * 8 + v6_.starts.size() * (sizeof(Uint128) + 4) + top_.size() * 4;
}

RangeMap flatten(std::span<const PrefixValue> prefixes,
                 const std::function<std::uint32_t(std::span<const std::uint32_t>)>& choose) {
  std::vector<Span<std::uint32_t>> v4;
  std::vector<Span<Uint128>> v6;
  std::uint32_t order = 0;
  for (const auto& [prefix, value] : prefixes) {
    if (prefix.address.is_v4()) {
      const std::uint32_t first = prefix.address.v4_value();
      const std::uint32_t hosts =
          prefix.length == 0 ? UINT32_MAX : (std::uint32_t{1} << (32 - prefix.length)) - 1;
      v4.push_back({first, first | hosts, value, order++});
    } else {
      const Uint128 first = to_uint128(prefix.address);
      const Uint128 hosts = prefix.length == 0 ? ~Uint128{0} : (Uint128{1} << (128 - prefix.length)) - 1;
      v6.push_back({first, first | hosts, value, order++});
    }
  }
  RangeMap map;
  sweep(v4, choose, [&](std::uint32_t first, std::uint32_t last, std::uint32_t value) {
    map.add_v4(first, last, value);
  });
  sweep(v6, choose,
        [&](Uint128 first, Uint128 last, std::uint32_t value) { map.add_v6(first, last, value); });
  map.freeze();
  return map;
}

V4Bitmap::V4Bitmap(const RangeMap& ranges) {
  if (ranges.pieces_v4() < index_pieces_min) return;
  blocks_.resize(std::size_t{1} << 18);
  // First the /24 blocks that ranges fill or touch, then, their places known, the addresses in the touched
  // ones.
  ranges.each_v4([&](std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t block = first >> 8; block <= last >> 8; ++block) {
      const std::uint32_t low = std::max(first, block << 8), high = std::min(last, block << 8 | 255U);
      const std::uint64_t bit = std::uint64_t{1} << (block & 63U);
      (high - low == 255 ? blocks_[block >> 6].full : blocks_[block >> 6].partial) |= bit;
    }
  });
  ranks_.resize(blocks_.size());
  touched_.resize(blocks_.size() / 64);
  std::uint32_t leaves = 0;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if ((blocks_[i].full | blocks_[i].partial) != 0) touched_[i / 64] |= std::uint64_t{1} << (i % 64);
    ranks_[i] = leaves;
    leaves += static_cast<std::uint32_t>(__builtin_popcountll(blocks_[i].partial));
  }
  leaves_.resize(std::size_t{leaves} * 4);
  ranges.each_v4([&](std::uint32_t first, std::uint32_t last) {
    for (const std::uint32_t end :
         {first, last}) {  // only a range's ends can lie in a block it does not fill
      const Block& block = blocks_[end >> 14];
      const unsigned bit = (end >> 8) & 63U;
      if ((block.partial >> bit & 1U) == 0) continue;
      const std::uint32_t low = std::max(first, end & ~255U), high = std::min(last, end | 255U);
      if (high - low == 255) continue;
      const auto below =
          static_cast<unsigned>(__builtin_popcountll(block.partial & ((std::uint64_t{1} << bit) - 1)));
      const std::size_t leaf = (std::size_t{ranks_[end >> 14]} + below) * 4;
      for (std::uint32_t ip = low;; ++ip) {
        leaves_[leaf + ((ip >> 6) & 3U)] |= std::uint64_t{1} << (ip & 63U);
        if (ip == high) break;
      }
    }
  });
}

}  // namespace picket
