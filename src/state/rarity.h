// How unusual a behaviour is, in bits, and why: each of its values is looked up in what is normal for the
// principal, and where it is new there, among the principal's peers, in the account and in the organisation
// (hierarchical back-off: each level says how much likelier something known is than something new). Who often
// does new things is surprised by them least.
//
// Integer arithmetic only. Learning is idempotent within a day; judging looks at the days before.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "state/norms.h"

namespace picket {

// What is learned of a behaviour.
struct Act {
  std::uint64_t principal = 0, peers = 0, account = 0;
  std::uint64_t person = 0;  // who is behind principals of several accounts; 0: nobody
  std::array<std::uint32_t, factor_count> prints{};  // 0: it has no such value
  std::uint32_t print(Factor factor) const { return prints[static_cast<std::size_t>(factor)]; }
  template <class Ar>
  void io(Ar& ar) {
    ar(principal, peers, account, person, prints);
  }
};

// Evidence in 1/256 bit that a value is unusual, level by level; a level that knows it ends the chain.
struct FactorBits {
  std::int32_t own = 0, peers = 0, account = 0, organisation = 0;
  bool seen = false;             // by the principal, before today
  bool seen_in_account = false;  // by others
  std::int32_t others() const { return peers + account + organisation; }
  std::int32_t total() const { return own + others(); }
  template <class Ar>
  void io(Ar& ar) {
    ar(own, peers, account, organisation, seen, seen_in_account);
  }
};

class Rarity {
 public:
  // GuardDuty's learning takes 7 to 14 days; so long nothing of an account is raised.
  static constexpr Day warm_up_days = 14;
  // A principal of fewer days is judged by its peers alone.
  static constexpr std::uint32_t young_days = 7;
  // So many days of alarms within a month are kept out of what is normal; then the user had time to say no
  // and it is learned.
  static constexpr std::uint8_t alarms_kept_out = 3;

  static std::uint32_t print(std::string_view text) {
    const auto made = static_cast<std::uint32_t>(hash64(text));
    return made == 0 ? 1 : made;
  }

  struct Judgement {
    std::array<FactorBits, factor_count> bits;
    bool young = false;    // the principal is
    bool settled = false;  // the account is known for long enough
    const FactorBits& of(Factor factor) const { return bits[static_cast<std::size_t>(factor)]; }
  };
  Judgement judge(const Act& act, Day today) const;
  // The judgement's own, without the rest.
  bool settled(const Act& act, Day today) const;

  // From now on every period of so many days is judged by all others that were learned, earlier and later
  // ones, and nothing is learned any more: who did harm from the first day on is not normal by that.
  void judge_in_retrospect(Day period_days) { period_days_ = period_days; }

  // Days come in order: forgets what is 64 days old, and what goes beyond the budgets.
  void begin_day(Day day);
  // `texts` are the values' own, for people.
  void learn(const Act& act, Day day, const std::array<std::string, factor_count>& texts);
  // The principal's day is kept out of what is normal, as far as it may be; whether it is.
  bool alarm(std::uint64_t principal, Day day);
  // Takes back what the act taught on that day.
  void unlearn(const Act& act, Day day);

  enum class Scope : std::uint8_t { principal, account };
  Frequency frequency(Scope scope, const Act& act, Factor factor, Day today) const;
  // Values by frequency, the most usual first; at most `most` of each.
  std::map<Frequency, std::vector<std::string>> usual(Scope scope, const Act& act, Factor factor, Day today,
                                                      std::size_t most) const;
  // Whether anybody of the group (Act::peers, Act::account) was seen.
  bool knows(std::uint64_t group_id) const { return group(group_id) != nullptr; }
  // Days of the principal before today.
  std::uint32_t days_of(std::uint64_t principal, Day today) const;

  // The account's own scores: a score as high as this came once in so many behaviours, of the last month or
  // two.
  void note_score(std::uint64_t account, std::int32_t score);
  std::uint64_t one_in(std::uint64_t account, std::int32_t score) const;

  // What another run learned of other days or principals; groups are made anew of their members.
  void merge(const Rarity& other);

  const Norm* find(std::uint64_t principal) const { return find(principals_, principal); }
  // Principals that have the value, in order of their ids.
  std::vector<const Norm*> principals_with(Factor factor, std::uint32_t print) const;
  Day day() const { return day_; }  // the latest learned of
  std::string text_of(Factor factor, std::uint32_t print) const;
  std::size_t principals() const { return principals_.size(); }
  std::uint64_t evicted() const { return evicted_; }
  std::size_t bytes() const;
  void save(Writer& out) const;
  void load(Reader& in);

 private:
  using Norms = boost::unordered_flat_map<std::uint64_t, Norm>;
  // Scores of an account, in steps of half a bit; halved every 32 days.
  struct Tail {
    static constexpr std::size_t steps = 160;
    std::array<std::uint32_t, steps> counts{};
    static std::size_t step_of(std::int32_t score);
    template <class Ar>
    void io(Ar& ar) {
      ar(counts);
    }
  };
  // The principal's own norm, and that of the person behind it.
  struct Own {
    const Norm* principal = nullptr;
    const Norm* person = nullptr;
    bool young = false;
  };
  FactorBits bits_of(const Own& own, const Act& act, Factor factor, const Besides& besides) const;
  Besides besides(Day today) const;
  static const Norm* find(const Norms& norms, std::uint64_t id) {
    const auto at = norms.find(id);
    return at == norms.end() ? nullptr : &at->second;
  }
  const GroupNorm* group(std::uint64_t id) const {
    const auto at = groups_.find(id);
    return at == groups_.end() ? nullptr : &at->second;
  }
  void leave(const Norm& norm, Norm::Key key);
  void evict(GroupNorm& group);  // beyond its budget
  void rebuild();

  Day day_ = 0;
  Day period_days_ = 0;  // 0: judged by what came before; not saved
  static std::uint64_t forget_oldest(Norms& norms, std::size_t most, std::vector<Norm>* gone);
  Norms principals_;
  Norms people_;                               // over accounts; of no group
  std::map<std::uint64_t, GroupNorm> groups_;  // peers and accounts
  GroupNorm organisation_;
  std::map<Norm::Key, std::string> texts_;  // of the organisation's values
  std::map<std::uint64_t, Tail> tails_;     // by account
  std::uint64_t evicted_ = 0;
};

}  // namespace picket
