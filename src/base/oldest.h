// How state that is over its budget shrinks, the same at every replay.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace picket {

// Erases the oldest entries beyond `most`, of equal age those of smaller key; how many. `age_of` gives of a
// value what is smaller the older it is.
template <class Map, class AgeOf>
std::uint64_t erase_oldest(Map& map, std::size_t most, AgeOf age_of) {
  if (map.size() <= most) return 0;
  using Age = std::decay_t<decltype(age_of(map.begin()->second))>;
  std::vector<std::pair<Age, typename Map::key_type>> by_age;
  by_age.reserve(map.size());
  for (const auto& [key, value] : map) by_age.emplace_back(age_of(value), key);
  std::sort(by_age.begin(), by_age.end());
  by_age.resize(map.size() - most);
  for (const auto& [age, key] : by_age) map.erase(key);
  return by_age.size();
}

// Once there are more than `most`, erases the oldest down to three quarters of it, so that it is seldom done.
template <class Map, class AgeOf>
std::uint64_t erase_oldest_quarter(Map& map, std::size_t most, AgeOf age_of) {
  return map.size() <= most ? 0 : erase_oldest(map, most - most / 4, age_of);
}

}  // namespace picket
