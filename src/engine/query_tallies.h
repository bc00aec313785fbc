// Counts, on one worker and in one epoch, who asked for which domains: for who investigates
// (state/entities.h).
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

#include "event/dns_query.h"
#include "state/entities.h"

namespace picket {

class QueryTallies {
 public:
  // `account` and `region`: where the record names none.
  void add(const DnsQuery& query, std::string_view account, std::string_view region);
  const std::vector<CallTally>& tallies() const { return tallies_; }
  void clear();

 private:
  struct Hashed {
    using is_avalanching = void;
    std::size_t operator()(std::uint64_t hash) const { return hash; }
  };
  struct Latest {
    std::uint64_t hash = 0;
    std::uint32_t tally = 0;
  };
  // Names are asked for again and again: the last ones are found without a look into the table. 64 kB.
  std::array<Latest, 4096> latest_{};
  boost::unordered_flat_map<std::uint64_t, std::uint32_t, Hashed> known_;
  std::vector<CallTally> tallies_;
};

}  // namespace picket
