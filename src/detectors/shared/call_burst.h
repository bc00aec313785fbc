// Many different things that one principal reaches for in a short while: secrets, passwords, instances. The
// state is a set, so a record that is delivered twice counts once; what the principal did in earlier windows
// is the baseline it is judged by.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "engine/detector.h"
#include "engine/subject.h"

namespace picket::detectors {

// Sessions that stand for a person at a keyboard; the others are workloads and pipelines, whose everyday work
// is repetition.
bool person(const UserIdentity& identity);

// Of one principal of one account.
std::uint64_t principal_entity(const CloudTrailEvent& call);

class CallBurst {
 public:
  void add(const CloudTrailEvent& call, std::string_view target, const ProofRecord& record);
  // The target is what the first of these members of requestParameters names that is there; none: no target.
  void add_named(const CloudTrailEvent& call, std::initializer_list<std::string_view> members,
                 const ProofRecord& record);
  // A request to a cluster: a service account is a workload, all others count as persons.
  void add(const AuditEvent& event, std::string_view target, const ProofRecord& record);
  void merge(const CallBurst& other);

  std::size_t distinct() const { return targets_.size(); }
  bool of_person() const { return person_; }
  // Half of the targets, or more, were refused.
  bool mostly_denied() const;
  const Subject& subject() const { return subject_; }
  const ProofRecord& first() const { return first_; }
  const ProofRecord& last() const { return last_; }
  std::size_t bytes() const { return targets_.size() * 48 + 1500; }

  template <class Ar>
  void io(Ar& ar) {
    ar(targets_, subject_, first_, last_, person_);
  }

  // What the principal reached for in one window until now.
  struct Baseline {
    std::uint32_t most = 0, windows = 0;
    void fold(const CallBurst& window) {
      most = std::max(most, static_cast<std::uint32_t>(window.distinct()));
      ++windows;
    }
    template <class Ar>
    void io(Ar& ar) {
      ar(most, windows);
    }
  };

  // Beyond `least` (of a person, or mostly refused; a workload's work begins at `workload_factor` times as
  // many), and beyond twice what the principal ever did in a window before.
  static constexpr std::size_t workload_factor = 3;
  bool beyond(std::size_t least, const Baseline& before) const;
  // Emits the detection, told how many and how many there usually are.
  void raise(Evidence evidence, const Baseline& before, Emit& emit) const;
  // The same when it is beyond `least`; `of_what` follows the number: "users in 10 minutes".
  void raise_beyond(std::size_t least, std::string_view of_what, const Baseline& before, Emit& emit) const;

 private:
  // Beyond so many only the count matters no more; those of the smallest hash stay, whatever the order.
  static constexpr std::size_t targets_max = 256;

  void add(std::string_view target, bool denied);
  // Before its target is added: whether the record is the latest, of which the subject is told.
  bool latest(const ProofRecord& record);

  std::map<std::uint64_t, bool> targets_;  // hash -> every attempt at it was refused
  Subject subject_;                        // of the latest record
  ProofRecord first_, last_;
  bool person_ = false;
};

// Of calls about one instance each, named in requestParameters.instanceId: beyond `least` instances.
template <std::size_t least>
class InstanceBurst : public CallBurst {
 public:
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }
  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    add_named(call, {"instanceId"}, record);
  }
  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    raise_beyond(least, "instances in 10 minutes", before, emit);
  }
};

}  // namespace picket::detectors
