// What an actor did, as it is read: calls that serve a tactic, refused ones, and findings. Those of the same
// kind in one slot of event time are folded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/boxed.h"
#include "base/flat_map.h"
#include "base/shared.h"
#include "engine/lineage.h"
#include "event/principal.h"
#include "finding/signal.h"
#include "finding/subject.h"
#include "state/call_aim.h"

namespace picket {

// Addresses, buckets, identities told of a signal.
constexpr std::size_t values_max = 10;

template <class T>
void insert_few(std::set<T>& values, const T& value) {
  values.insert(value);
  // The smallest stay, whatever the order.
  if (values.size() > values_max) values.erase(std::prev(values.end()));
}

// The same of values in ascending order.
template <class T>
void insert_few(std::vector<T>& values, const std::vector<T>& more) {
  for (const T& value : more) {
    const auto at = std::ranges::lower_bound(values, value);
    if (at != values.end() && *at == value) continue;
    values.insert(at, value);
    if (values.size() > values_max) values.pop_back();
  }
}

// Of two deliveries of one record the one in the object of the smaller key.
void take_later(ProofRecord& known, const ProofRecord& other);

// Who somebody is and whom they are like, by hash.
struct Kin {
  std::uint64_t identity = 0;
  std::uint64_t person = 0;  // who signs in to many accounts by Identity Center, under one name
  std::uint64_t peers = 0;   // those with this permission set or role, in any account; 0 for none
  std::uint64_t circle = 0;  // people, or machines, who are elsewhere
};

// Whose signals, from where and with what: many have it in common.
struct SignalOrigin {
  Identity by;
  std::string account, region, user_agent;
  std::optional<IpAddress> remote_ip;
  bool console = false;  // made by the console's pages
  // What follows from the rest.
  std::string id;      // by.id()
  std::string client;  // of the user agent: which tool on which system
  Kin kin;
  std::uint64_t hash = 0;  // of whose, from where and with what
  void complete();
  template <class Ar>
  void io(Ar& ar) {
    ar(by, account, region, user_agent, remote_ip, console);
    if constexpr (Ar::reading) complete();
  }
};

// What only a finding tells.
struct SignalFinding {
  ApiCall call;
  double severity = 0;
  std::set<std::string> indicators;  // categories of intelligence
  // Of one kind of finding; `earlier`: the other's records are.
  void merge(const SignalFinding& other, bool earlier);
  template <class Ar>
  void io(Ar& ar) {
    ar(call, severity, indicators);
  }
};

// Signals of one kind of one identity in one slot.
struct SignalRow {
  SignalKind kind = SignalKind::call;
  std::uint8_t type = 0;    // of the detector's types
  std::uint16_t index = 0;  // of listed_apis(), or of the detector
  Shared<SignalOrigin> from;
  std::string error_code, bucket;
  CallAim aim;
  std::uint64_t count = 0;
  ProofRecord first, last;
  Boxed<SignalFinding> finding;

  static constexpr TimeMs slot_ms = 5 * minute_ms;
  static TimeMs slot_of(TimeMs time) { return time - ((time % slot_ms) + slot_ms) % slot_ms; }
  // Of the same kind: which came first does not matter.
  void merge(const SignalRow& other);
  // The same for those that are folded: whose signal of what, from where.
  std::uint64_t kind_hash() const;
  template <class Ar>
  void io(Ar& ar) {
    ar(kind, type, index, from, error_code, bucket, aim, count, first, last, finding);
  }
};

// What a worker reads in an epoch, folded. Few calls are made into rows: which API, the trigger index tells.
class RiskyCalls {
 public:
  // Where a record is.
  struct Where {
    std::uint32_t object_index = 0, position = 0;  // of the epoch, and in the object
    std::uint64_t object = 0, number = 0;          // as its proof names it
  };
  // A record and the row that counts it: a copy counts for nothing.
  struct Counted {
    std::uint32_t object_index = 0, position = 0, row = 0;
  };
  struct Folded {
    std::vector<Boxed<SignalRow>> rows;
    std::vector<Counted> counted;
  };
  void add(const CloudTrailEvent& event, Caller& caller, std::uint16_t api, const CallAim& aim,
           const Where& where);
  Folded take();

 private:
  static constexpr std::uint32_t nobody = 0xffff'ffff;  // whom sequences tell of
  Folded folded_;
  FlatMap<std::uint64_t, std::uint32_t> known_;           // index of the row
  FlatMap<std::uint64_t, Shared<SignalOrigin>> origins_;  // none: nobody's
};

}  // namespace picket
