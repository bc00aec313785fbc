// What is usual on a network, learned day by day: on which of the last days a host, its neighbours or its
// account did a thing, how many hosts did it today, how much a host sends. A day is learned when it is over,
// so that it is judged by the days before it alone, and days are learned in order: whatever the threads and
// epochs, the same records leave the same norms.
//
// A trait is a hash of who (scope), what kind of thing and which: 24 bytes each, whatever the traffic.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>

#include "base/archive.h"
#include "base/hash.h"
#include "state/distinct_sample.h"

namespace picket {

class HostNorms {
 public:
  using Trait = std::uint64_t;
  // Habits older than this are forgotten: what was usual a month ago need not be today.
  static constexpr int days_remembered = 30;

  static Trait trait(std::uint64_t scope, std::uint8_t kind, std::uint64_t thing) {
    return hash_mix(hash_mix(scope, kind), thing);
  }

  // On how many of the 30 days before `day`.
  unsigned days(Trait trait, std::int32_t day) const;
  // The most that was learned with it, in the learner's unit (0: nothing), until it is forgotten.
  std::uint64_t most(Trait trait) const;
  // Of the open day: how many hosts did it so far. Exact below 15, within a quarter above.
  std::uint64_t hosts_today(Trait trait, std::int32_t day) const;
  // Bytes that the host sends the peer it sends most on a day: half of its days stay below. An upper bound
  // of the power of two, 0 when on most days it sent nobody much.
  std::uint64_t usual_volume(std::uint64_t host) const;

  // While a day is open.
  void note_today(Trait trait, std::int32_t day, std::uint64_t host);
  // Once a day is over.
  void learn(Trait trait, std::int32_t day, std::uint64_t amount = 0);
  void learn_volume(std::uint64_t host, std::int32_t day, std::uint64_t bytes);
  // The day is learned: its open counts go, and what nobody did since long before it.
  void close(std::int32_t day);
  // Beyond the budget those go that were seen longest ago; how many.
  std::uint64_t evict();
  static constexpr std::size_t traits_max = 16U << 20;  // 24 bytes each: with the table's slack 0.6 GB
  static constexpr std::size_t volumes_max = 2U << 20;  // 40 bytes each
  std::size_t traits() const { return known_.size(); }

  void save(Writer& out) const;
  void load(Reader& in);

 private:
  struct Known {
    std::uint64_t days = 0;    // bit i: the day `last` - i
    std::int32_t last = 0;     // day since 1970
    std::uint32_t amount = 0;  // the most
    template <class Ar>
    void io(Ar& ar) {
      ar(days, last, amount);
    }
  };
  // Days by the power of two of their volume; the first are those without one.
  struct Volumes {
    std::array<std::uint8_t, 28> days{};
    std::int32_t last = 0;
    template <class Ar>
    void io(Ar& ar) {
      ar(days, last);
    }
  };
  struct Nothing {
    void merge(const Nothing&) {}
    template <class Ar>
    void io(Ar&) {}
  };
  using Tally = DistinctSample<Nothing, 16>;
  struct TraitHash {
    using is_avalanching = void;
    std::size_t operator()(std::uint64_t trait) const { return trait; }
  };
  boost::unordered_flat_map<Trait, Known, TraitHash> known_;
  boost::unordered_flat_map<std::uint64_t, Volumes, TraitHash> volumes_;  // by host
  std::map<std::int32_t, boost::unordered_flat_map<Trait, Tally, TraitHash>> today_;
};

}  // namespace picket
