#include "state/host_norms.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "base/oldest.h"

namespace picket {

namespace {

constexpr std::uint64_t remembered = (std::uint64_t{1} << HostNorms::days_remembered) - 1;
// Traits and hosts of which nothing was heard for so long are dropped: longer than a quarterly job is rare.
constexpr std::int32_t silence_max = 100;
// Volumes are told apart from 64 KiB on, in powers of two; a day without is bucket 0.
constexpr int volume_shift = 15;

template <class Map>
auto sorted_keys(const Map& map) {
  std::vector<typename Map::key_type> keys;
  keys.reserve(map.size());
  for (const auto& [key, value] : map) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

template <class Map>
void save_sorted(Writer& out, const Map& map) {
  out(static_cast<std::uint32_t>(map.size()));
  for (const auto key : sorted_keys(map)) out(key, map.find(key)->second);
}

template <class Map>
void load_sorted(Reader& in, Map& map) {
  map.clear();
  std::uint32_t count = 0;
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    typename Map::key_type key = 0;
    typename Map::mapped_type value;
    in(key, value);
    if (!map.try_emplace(key, std::move(value)).second) in.fail();
  }
}

}  // namespace

unsigned HostNorms::days(Trait trait, std::int32_t day) const {
  const auto at = known_.find(trait);
  if (at == known_.end()) return 0;
  // The day before `day` becomes bit 0.
  const std::int32_t ahead = at->second.last - (day - 1);
  if (ahead >= 64 || ahead <= -64) return 0;
  const std::uint64_t bits = ahead >= 0 ? at->second.days >> ahead : at->second.days << -ahead;
  return static_cast<unsigned>(std::popcount(bits & remembered));
}

std::uint64_t HostNorms::most(Trait trait) const {
  const auto at = known_.find(trait);
  return at == known_.end() ? 0 : at->second.amount;
}

std::uint64_t HostNorms::hosts_today(Trait trait, std::int32_t day) const {
  const auto open = today_.find(day);
  if (open == today_.end()) return 0;
  const auto at = open->second.find(trait);
  return at == open->second.end() ? 0 : at->second.distinct();
}

std::uint64_t HostNorms::usual_volume(std::uint64_t host) const {
  const auto at = volumes_.find(host);
  if (at == volumes_.end()) return 0;
  unsigned all = 0, below = 0;
  for (const std::uint8_t days : at->second.days) all += days;
  for (std::size_t i = 0; i < at->second.days.size(); ++i) {
    below += at->second.days[i];
    if (2 * below >= all) return i == 0 ? 0 : std::uint64_t{1} << (i + volume_shift);
  }
  return 0;
}

void HostNorms::note_today(Trait trait, std::int32_t day, std::uint64_t host) {
  today_[day][trait].add(host, {});
}

void HostNorms::learn(Trait trait, std::int32_t day, std::uint64_t amount) {
  const auto [at, fresh] = known_.try_emplace(trait, Known{1, day, 0});
  Known& known = at->second;
  if (!fresh) {
    const std::int64_t later = std::int64_t{day} - known.last;
    if (later > 0) {
      known.days = later < 64 ? known.days << later | 1 : 1;
      known.last = day;
      // What was known so long ago says nothing of today.
      if (later > days_remembered) known.amount = 0;
    } else if (later > -64) {
      known.days |= std::uint64_t{1} << -later;
    }
  }
  constexpr std::uint64_t amount_max = std::numeric_limits<std::uint32_t>::max();
  known.amount = std::max(known.amount, static_cast<std::uint32_t>(std::min(amount, amount_max)));
}

void HostNorms::learn_volume(std::uint64_t host, std::int32_t day, std::uint64_t bytes) {
  Volumes& volumes = volumes_[host];
  const int bucket = std::clamp(static_cast<int>(std::bit_width(bytes)) - volume_shift, 0,
                                static_cast<int>(volumes.days.size()) - 1);
  std::uint8_t& count = volumes.days[static_cast<std::size_t>(bucket)];
  // Old days weigh less and less: all are halved whenever one kind has filled a month.
  if (++count > days_remembered) {
    for (std::uint8_t& days : volumes.days) days /= 2;
  }
  volumes.last = std::max(volumes.last, day);
}

void HostNorms::close(std::int32_t day) {
  today_.erase(day);
  const auto silent = [&](const auto& item) { return day - item.second.last > silence_max; };
  boost::unordered::erase_if(known_, silent);
  boost::unordered::erase_if(volumes_, silent);
}

std::uint64_t HostNorms::evict() {
  const auto last = [](const auto& value) { return value.last; };
  return erase_oldest(known_, traits_max, last) + erase_oldest(volumes_, volumes_max, last);
}

void HostNorms::save(Writer& out) const {
  save_sorted(out, known_);
  save_sorted(out, volumes_);
  out(static_cast<std::uint32_t>(today_.size()));
  for (const auto& [day, tallies] : today_) {
    out(day);
    save_sorted(out, tallies);
  }
}

void HostNorms::load(Reader& in) {
  load_sorted(in, known_);
  load_sorted(in, volumes_);
  today_.clear();
  std::uint32_t count = 0;
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    std::int32_t day = 0;
    in(day);
    load_sorted(in, today_[day]);
  }
}

}  // namespace picket
