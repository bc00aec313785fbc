// The signals of an actor's day as they are judged, and what they come to together.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/boxed.h"
#include "base/shared.h"
#include "engine/evidence.h"
#include "engine/signal_rows.h"
#include "finding/sequence.h"
#include "state/api_tactics.h"

namespace picket {

// Names of signals of context: a place or client that nobody was at before, or only colleagues.
constexpr std::string_view new_network = "network", new_client = "client", new_hours = "hours";
constexpr std::array<std::string_view, 6> context_names{
    new_network, new_client, new_hours, "colleagues' network", "colleagues' client", "colleagues' hours"};
constexpr std::uint8_t shared_contexts = 3;  // those from here on

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
// in the account. How the evidence adds up: actor_signals.cpp.
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

bool began_before(const ActorSignal* a, const ActorSignal* b);
// A finding about one call tells what the call tells: together they count once. By hash.
std::uint64_t group_of(const ActorSignal& signal);
std::vector<const ActorSignal*> by_time(std::span<const ActorSignal* const> signals);

// What an actor's day comes to when it is no honest one: enough evidence, and tactics that lead somewhere.
std::optional<Weight> sequence_in(const ActorSignals& actor);
// Critical: 9.0, and up to 1.0 more with the evidence.
Evidence severe(const Weight& weight);

// Writes which signals advance the attack, for those who read it.
void mark_advances(std::span<SequenceSignal> signals);

}  // namespace picket
