// Attack sequences: what one actor did within a day, judged together. An actor is the identity that all keys
// in play descend from (lineage.h), over roles and accounts. Signals are calls that serve a tactic (the table
// of data/learning), refused ones, findings, and what is new about the actor; how usual each is (habits.h)
// says how much it proves.
//
// Signals of the same kind in one slot of event time are folded as they are read; slots are judged in order
// once the watermark has passed them, so neither threads nor the order of objects show.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/boxed.h"
#include "base/flat_map.h"
#include "base/shared.h"
#include "engine/aggregate.h"
#include "engine/detector.h"
#include "engine/habits.h"
#include "engine/lineage.h"
#include "finding/signal.h"
#include "state/api_tactics.h"
#include "state/call_aim.h"

namespace picket {

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

// A signal as it is judged.
struct ActorSignal {
  SignalKind kind = SignalKind::call;
  std::uint8_t type = 0;    // of the detector's types; of context, which
  bool first_time = false;  // its identity never did it on a day before
  Tactic tactic = Tactic::execution;
  Aim aim = Aim::untold;    // `ordinary` when it lets in nobody but the organisation's
  std::uint16_t index = 0;  // of the detector; of listed_apis(), of context for the call it was seen with
  std::int32_t bits = 0;    // evidence, in 1/256 bit
  ProofRecord first, last;
  std::string_view name;  // "iam:ListUsers", or the finding's type; for good
  std::uint64_t count = 0;
  Shared<SignalOrigin> from;  // of the first record, as the error is
  std::string error_code;
  std::string network;               // of the addresses: "AS64500"
  std::string value;                 // of context: what is new
  std::vector<std::string> buckets;  // few, in ascending order, as the addresses
  std::vector<IpAddress> addresses;
  Boxed<SignalFinding> finding;

  std::string_view api() const;
  std::string_view service_name() const;
  template <class Ar>
  void io(Ar& ar) {
    ar(kind, type, first_time, tactic, aim, index, bits, first, last, count, from, error_code, network, value,
       buckets, addresses, finding);
  }
};

// Evidence that makes a sequence, in 1/256 bit, and how much more it takes while nobody knows what is usual
// in the account. How the evidence adds up: sequences.cpp.
constexpr std::int32_t sequence_bits_min = 16 * 256, unsettled_bits = 10 * 256;
// Less is no step of an attack.
constexpr std::int32_t step_bits_min = 256;

// What speaks against an actor.
struct ActorEvidence {
  // In 1/256 bit: of what is new about place, client and hours the most unusual; of the rest the sum.
  std::int32_t network = 0, shared_network = 0, client = 0, hours = 0;
  std::int32_t refused = 0, findings = 0, findings_elsewhere = 0, discovery = 0, grave = 0, way = 0;
  std::uint32_t proofs = 0, first_times = 0, services = 0;  // first_times: within a burst
  bool destruction = false, elsewhere = false;

  void see_context(const ActorSignal& signal);
  std::int32_t score() const;
};

// What an actor's signals come to.
struct Weight {
  std::int32_t score = 0;     // in 1/256 bit
  std::int32_t bits_min = 0;  // what makes a sequence of it
  std::uint32_t tactics = 0;  // bit set of Tactic
  std::uint32_t acts = 0;     // steps; a finding about one call is that call
  bool has(Tactic tactic) const { return (tactics >> static_cast<unsigned>(tactic) & 1U) != 0; }
  int tactic_count() const;
};

// What a detector of sequences judges: an actor's signals of a day.
struct ActorSignals {
  std::span<const ActorSignal* const> signals;
  bool settled = false;    // the accounts' habits are known
  bool elsewhere = false;  // only what was done from new networks

  ActorSignals only(const auto& wanted, std::vector<const ActorSignal*>& room) const {
    room.clear();
    for (const ActorSignal* signal : signals) {
      if (wanted(*signal)) room.push_back(signal);
    }
    ActorSignals chosen = *this;
    chosen.signals = room;
    return chosen;
  }
  Weight weigh() const;
  // What was done from networks that are new about the actor: a thief is elsewhere than who was robbed.
  ActorSignals from_elsewhere(std::vector<const ActorSignal*>& room) const;
};

// What an actor's signals can come to at most, told without weighing them: most of what actors do comes to
// nothing.
class Outlook {
 public:
  void add(const ActorSignal& signal);
  // Whether sequence_in() may find one, of whomever.
  bool may_be_sequence() const;
  bool destroys_objects() const { return destroys_objects_; }
  bool escalates() const { return escalates_; }  // by a finding

 private:
  ActorEvidence most_;
  std::array<std::int32_t, tactic_kinds> advances_{};  // by tactic, at most
  std::uint32_t tactics_ = 0;                          // bit set of those with a signal that is a step
  bool destroys_objects_ = false, escalates_ = false;
};

std::vector<const ActorSignal*> by_time(std::span<const ActorSignal* const> signals);

// What an actor's day comes to when it is no honest one: enough evidence, and tactics that lead somewhere.
std::optional<Weight> sequence_in(const ActorSignals& actor);
// Critical: 9.0, and up to 1.0 more with the evidence.
Evidence severe(const Weight& weight);

// Writes which signals advance the attack, for those who read it.
void mark_advances(std::span<SequenceSignal> signals);

class Sequences {
 public:
  explicit Sequences(std::span<const Detector* const> detectors);
  bool wanted() const { return !judges_.empty(); }

  void learn(IssuedKey issued) { lineage_.learn(std::move(issued)); }
  void add(Boxed<SignalRow> row);
  // A detection of a detector that is no sequence; `at` is when it is known, if later than its records.
  void add(const Detection& detection, std::optional<TimeMs> at = {});

  struct Changed {
    std::uint64_t window = 0;  // for Aggregator::replace
    Activity activity;
  };
  struct Output {
    std::vector<Changed> changed;
    std::vector<std::uint64_t> settled;
  };
  // Judges the slots that the watermark has passed.
  Output turn(TimeMs watermark, const Facts& facts);

  struct Counts {
    std::uint64_t signals = 0;  // of actors that had too many, or too many actors
    std::uint64_t keys = 0;     // issued keys forgotten
    std::uint64_t habits = 0;
    std::uint64_t early = 0;  // rows judged before their time, because too many waited
    template <class Ar>
    void io(Ar& ar) {
      ar(signals, keys, habits, early);
    }
  };
  const Counts& evicted() const { return evicted_; }

  // Who acts for whom, and what is usual.
  void save(Writer& out) const;
  void load(Reader& in);
  // Signals, by indexes of these detectors, and sequences.
  void save_signals(Writer& out) const;
  void load_signals(Reader& in);

 private:
  struct Open {          // a sequence that was raised
    std::string anchor;  // its first signal's record: part of its identity
    std::string account, region;
    TimeMs raised = 0, held = 0;  // when it was first and last one, by the day before
    std::int32_t severity = 0;    // in tenths, the highest so far
    template <class Ar>
    void io(Ar& ar) {
      ar(anchor, account, region, raised, held, severity);
    }
  };
  struct Actor {
    AccessKeySubject who;
    TimeMs last = 0;
    FlatMap<std::uint64_t, Boxed<ActorSignal>> signals;  // by hash of what tells one from another
    std::map<std::string, Shared<SignalOrigin>> identities;
    std::map<std::uint16_t, Open> open;  // by detector
    bool changed = false;
    // Not saved, but made anew: of all signals since the last one expired, and before when none does.
    Outlook outlook;
    TimeMs oldest = std::numeric_limits<TimeMs>::min();
    std::uint32_t evicted = 0;  // since then
    void look_again();
    template <class Ar>
    void io(Ar& ar) {
      ar(who, last, signals, identities, open, changed);
    }
  };
  using Actors = NodeMap<std::string, Actor>;  // by root

  void add(Boxed<SignalRow> row, TimeMs slot);
  void judge(SignalRow& row, const Identity& root, const std::string& root_id, const Facts& facts);
  static void expire(Actor& actor, TimeMs now);
  void keep(Actor& actor, Boxed<ActorSignal> signal, std::uint64_t key);
  std::string_view name_of_signal(const ActorSignal& signal) const;
  SequenceSignal told(const ActorSignal& signal) const;
  void consider(Actor& actor, TimeMs now);
  void close(const std::string& root, Actor& actor, Output& out);
  static TimeMs held(const Actor& actor);
  // What was last done at or after `since`.
  ActorSignals view_of(const Actor& actor, TimeMs since, std::vector<const ActorSignal*>& room) const;
  std::string pivots(const ActorSignals& view, std::uint16_t detector) const;
  Activity activity_of(const std::string& root, const Actor& actor, std::uint16_t detector,
                       const Open& open) const;
  void forget(TimeMs watermark, Output& out);

  std::span<const Detector* const> detectors_;
  std::vector<std::uint16_t> judges_;  // detectors of sequences
  Lineage lineage_;
  Habits habits_;  // what identities do, by account
  Habits places_;  // where persons are, with which client and when, in the whole organisation
  using Kinds = FlatMap<std::uint64_t, Boxed<SignalRow>>;
  std::map<TimeMs, Kinds> waiting_;  // by slot
  std::size_t waiting_rows_ = 0;
  Actors actors_;
  TimeMs judged_ = 0;  // slots before
  Counts evicted_;
};

}  // namespace picket
