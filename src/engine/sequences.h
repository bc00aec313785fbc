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
#include "engine/actor_signals.h"
#include "engine/aggregate.h"
#include "engine/detector.h"
#include "engine/habits.h"
#include "engine/lineage.h"
#include "engine/signal_rows.h"

namespace picket {

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
  // Signals, by numbers of detectors and APIs, and sequences. What those who are gone said is left out.
  void save_signals(Writer& out) const;
  void load_signals(Reader& in, const Numbering& numbering);

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
  std::optional<ActorSignal> take_act(SignalRow& row);
  ActorSignal signal_of(const SignalRow& row, SignalKind kind, std::uint8_t type, Tactic tactic) const;
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
