// How common a thing is for an identity and those like it: on how many of their days they did it. What is
// done daily is no evidence, whoever calls it risky. A day counts when it is over, so that it is judged by
// the days before it; days of a sequence are not learned from.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/flat_map.h"
#include "base/hash.h"
#include "base/time.h"

namespace picket {

class Habits {
 public:
  using Thing = std::uint32_t;
  // Hashes of circles, each wider than the one before; 0 for none.
  using Wider = std::array<std::uint64_t, 3>;
  // An identity by hash, and those it is one of: what is usual among them is the likelier for somebody of
  // whom little is known.
  struct Circles {
    std::uint64_t identity = 0;
    Wider wider{};
  };
  static Thing thing(std::string_view name) { return static_cast<Thing>(hash64(name)); }

  // Closes days before `day` (days since 1970). Days come in order.
  void begin_day(std::int32_t day);
  // Evidence in 1/256 bit that a thing of this weight (data/learning: log2 of how much likelier it is of an
  // intruder) is not the identity's everyday: log2 of its chance on an intruder's day over its chance on
  // one of theirs. None when it is usual; at most `weight` + 5 bits, and less for those who often do
  // something of this kind that they never did before. `novelty` stands for the kind: who looks at something
  // new each day does not delete something new each day.
  std::int32_t bits(const Circles& who, Thing thing, unsigned weight, Thing novelty) const;
  // Days of an identity so far, and those on which it did this; of a circle, its identities' days.
  std::uint32_t days(std::uint64_t who) const;
  std::uint32_t days(std::uint64_t who, Thing thing) const;
  bool today(std::uint64_t identity, Thing thing) const;
  // Whether the circle was watched for a week: before that nothing is usual.
  bool settled(std::uint64_t circle) const;

  // `novelty` is noted too when the identity never did the thing.
  void note(const Circles& who, Thing thing, Thing novelty);
  // Nothing of this day is to be learned.
  void forget_today(std::uint64_t identity);
  // Beyond the budget those go whose last day is longest past; how many.
  std::uint64_t evict();

  template <class Ar>
  void io(Ar& ar) {
    ar(day_, known_, open_);
  }

 private:
  struct Known {
    std::int32_t first_day = 0, last_day = 0;
    std::uint32_t days = 0;  // of an identity; of a circle, all its identities' days
    std::vector<std::pair<Thing, std::uint32_t>> things;  // sorted; on how many of them
    std::uint32_t count(Thing thing) const;
    void add(Thing thing);
    template <class Ar>
    void io(Ar& ar) {
      ar(first_day, last_day, days, things);
    }
  };
  struct Today {
    Wider wider{};
    std::vector<Thing> things;  // sorted
    bool poisoned = false;
    template <class Ar>
    void io(Ar& ar) {
      ar(wider, things, poisoned);
    }
  };
  const Known* find(std::uint64_t who) const {
    const auto at = known_.find(who);
    return at == known_.end() ? nullptr : &at->second;
  }
  void fold(std::uint64_t who, const Today& today, std::uint32_t days_max);

  std::int32_t day_ = 0;
  FlatMap<std::uint64_t, Known> known_;  // identities and circles, by hash
  FlatMap<std::uint64_t, Today> open_;   // identities of this day
};

}  // namespace picket
