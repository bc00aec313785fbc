// What is normal: on which days somebody did what, and how many of a group do it. Values (an API, a network,
// a client, …) are known by 32-bit fingerprints. Days are sets, so learning the same thing twice, in any
// order or on several machines, comes to the same; norms of disjoint principals merge exactly.
#pragma once

#include <array>
#include <bit>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/hash.h"

namespace picket {

// What a behaviour is told by.
enum class Factor : std::uint8_t {
  api,         // "iam:CreateUser"
  service,     // "iam"
  network,     // "AS16509 Amazon.com", "VPC endpoint", …
  country,     // of the address
  client,      // tool and operating system of the user agent
  region,      // AWS's
  credential,  // kind of identity and of key
  error,       // success, or the class of the error
  resource,    // bucket, secret, model, …
  user,        // whose it is: says something of accounts only
  account      // in which
};
constexpr std::size_t factor_count = 11;
// "network"
std::string_view name_of(Factor factor);

using Day = std::int32_t;  // days since 1970

// GuardDuty's words for how often something is done (rare is less than once a month, infrequent a
// few times a month).
enum class Frequency : std::uint8_t { unseen, rare, infrequent, frequent };
std::string_view name_of(Frequency frequency);  // "UNSEEN"

// Days that do not count when something is judged: from `from` on, before `to`.
struct Besides {
  Day from = 0, to = 0;
  // Today and what comes later.
  static Besides later(Day today) { return {today, 1 << 20}; }
};

// The days, of the last 64, on which something was done.
struct DayBits {
  static constexpr Day span = 64;
  std::uint64_t bits = 0;  // bit i: i days before `last`
  std::uint16_t last = 0;  // the latest day

  void set(Day day) { merge({1, static_cast<std::uint16_t>(day)}); }
  void merge(const DayBits& other) {
    if (bits == 0 || other.last > last) {
      bits = ago(other.last) | other.bits;
      last = other.last;
    } else {
      bits |= other.ago(last);
    }
  }
  // Bit i: i days before `day`.
  std::uint64_t ago(Day day) const {
    const Day since = day - last;
    if (since >= span || since <= -span) return 0;
    return since >= 0 ? bits << static_cast<unsigned>(since) : bits >> static_cast<unsigned>(-since);
  }
  void clear(Day day) {
    if (const Day at = last - day; at >= 0 && at < span) bits &= ~(1ULL << static_cast<unsigned>(at));
  }
  bool on(Day day) const { return (ago(day) & 1U) != 0; }
  std::uint32_t count(const Besides& besides) const;
  // Of the days before `day`.
  std::uint32_t before(Day day) const { return count(Besides::later(day)); }
  Frequency frequency(Day day) const;
  template <class Ar>
  void io(Ar& ar) {
    ar(bits, last);
  }
};

// Counts of a factor that say how likely the next value is a new one (Good and Turing: as likely as values
// seen once are among all).
struct Variety {
  std::uint32_t total = 0;     // days, or people, over all values
  std::uint32_t distinct = 0;  // values
  std::uint32_t single = 0;    // values of a total of 1
  void add(std::uint32_t count) {
    total += count;
    ++distinct;
    single += count == 1 ? 1 : 0;
  }
  // Evidence in 1/256 bit that a value never seen before is.
  std::int32_t new_bits() const;
  // That one seen `count` times is, beside the mean value; none when it is more usual than that.
  std::int32_t rare_bits(std::uint32_t count) const;
  template <class Ar>
  void io(Ar& ar) {
    ar(total, distinct, single);
  }
};

// What a principal does. 16 bytes a value: a typical one takes under 1 kB, none more than 4.
class Norm {
 public:
  static constexpr std::size_t values_max = 248;

  struct Value {
    std::uint64_t bits = 0;
    std::uint32_t print = 0;
    std::uint16_t last = 0;
    Factor factor = Factor::api;
    DayBits days() const { return {bits, last}; }
    template <class Ar>
    void io(Ar& ar) {
      ar(bits, print, last, factor);
    }
  };
  using Key = std::pair<Factor, std::uint32_t>;

  std::uint64_t account = 0, peers = 0;  // the groups it belongs to
  std::uint16_t first_day = 0;
  std::uint8_t alarms = 0;  // days kept out of what is normal, since the last quiet month
  std::uint16_t last_alarm = 0;
  DayBits days;  // active

  const Value* find(Factor factor, std::uint32_t print) const;
  // Whether the value is new. What had to go for it, is appended to `gone`.
  bool note(Factor factor, std::uint32_t print, Day day, std::vector<Key>& gone);
  // Takes the day back; whether nothing remains of the value.
  bool forget(Factor factor, std::uint32_t print, Day day);
  // Values not seen for 64 days go to `gone`.
  void expire(Day today, std::vector<Key>& gone);
  // Days over the values of the factor.
  Variety variety(Factor factor, const Besides& besides) const;
  const std::vector<Value>& values() const { return values_; }
  void merge(const Norm& other);
  // False when bytes that were no norm were read into it.
  bool valid() const;
  std::size_t bytes() const { return sizeof *this + values_.capacity() * sizeof(Value); }
  template <class Ar>
  void io(Ar& ar) {
    ar(account, peers, first_day, alarms, last_alarm, days, values_);
  }

 private:
  std::vector<Value>::iterator place(Factor factor, std::uint32_t print);
  std::vector<Value> values_;  // sorted by factor and fingerprint
};

// What the people (principals) of a group do: peers, an account, the organisation.
class GroupNorm {
 public:
  struct Value {
    DayBits days;              // on which anybody did
    std::uint32_t people = 0;  // who do
    template <class Ar>
    void io(Ar& ar) {
      ar(days, people);
    }
  };
  std::uint16_t first_day = 0;

  const Value* find(Factor factor, std::uint32_t print) const {
    const auto at = values_.find(key_of(factor, print));
    return at == values_.end() ? nullptr : &at->second;
  }
  const Variety& variety(Factor factor) const { return variety_[static_cast<std::size_t>(factor)]; }
  // `joined`: a principal took the value up.
  void note(Factor factor, std::uint32_t print, Day day, bool joined);
  // A member, with all its days.
  void join(Factor factor, std::uint32_t print, const DayBits& days);
  // A principal gave it up; whether nobody is left.
  bool leave(Factor factor, std::uint32_t print);
  // Beyond the budget those go that were not seen for longest; how many.
  std::uint64_t evict(std::size_t values_max, std::vector<Norm::Key>* gone = nullptr);
  template <class F>
  void each(F visit) const {
    for (const auto& [key, value] : values_) visit(factor_of(key), static_cast<std::uint32_t>(key), value);
  }
  std::size_t size() const { return values_.size(); }
  void save(Writer& out) const;
  void load(Reader& in);

 private:
  static std::uint64_t key_of(Factor factor, std::uint32_t print) {
    return static_cast<std::uint64_t>(factor) << 32U | print;
  }
  static Factor factor_of(std::uint64_t key) { return static_cast<Factor>(key >> 32U); }
  struct KeyHash {
    using is_avalanching = void;
    std::size_t operator()(std::uint64_t key) const { return hash_mix(key, 0); }
  };
  void count(Factor factor, std::uint32_t from, std::uint32_t to);

  boost::unordered_flat_map<std::uint64_t, Value, KeyHash> values_;
  std::array<Variety, factor_count> variety_;
};

}  // namespace picket
