// The order class "learned": behaviours wait for the watermark, are judged in order of time against what is
// normal (state/rarity.h), join incidents and are learned. Neither threads nor the order of objects show:
// of a behaviour and day the earliest record counts, whoever read it first.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/aggregate.h"
#include "engine/detector.h"
#include "engine/learned.h"
#include "state/facts.h"
#include "state/rarity.h"

namespace picket {

class Learner {
 public:
  // `log`: whose behaviours these are; they have one watermark.
  Learner(std::span<const Detector* const> detectors, LogKind log);
  bool wanted() const { return !judges_.empty(); }
  LogKind log() const { return log_; }

  void add(PackedBehaviour behaviour);

  struct Changed {
    std::uint64_t window = 0;  // for Aggregator::replace
    Activity activity;
  };
  struct Raised {
    Detection detection;
    TimeMs at = 0;
  };
  struct Output {
    std::vector<Changed> changed;
    std::vector<std::uint64_t> settled;
    std::vector<Raised> raised;  // once an incident, for sequences
  };
  // Judges what the watermark has passed.
  Output turn(TimeMs watermark, const Facts& facts);

  // Nothing before `until` is raised, and from then on everything may be, however long it was learned.
  void learn_until(TimeMs until) { learn_until_ = until; }

  Rarity& norms() { return norms_; }
  const Rarity& norms() const { return norms_; }
  // What was learned, and waits to be.
  void save(Writer& out) const;
  void load(Reader& in);
  // The incidents that are open: of these detectors.
  void save_open(Writer& out) const;
  // Of detectors that are gone none is left.
  void load_open(Reader& in, const Numbering& numbering);

 private:
  struct Open {
    Incident incident;
    TimeMs last = 0;
    std::uint64_t window = 0;
    std::uint16_t detector = 0;  // that raised it
    bool raised = false, changed = false;
    NamedValues profile;  // what is usual, as of when it was raised
    Detection detection;
    template <class Ar>
    void io(Ar& ar) {
      ar(incident, last, window, detector, raised, changed, profile, detection);
    }
  };
  using Who = std::pair<std::uint64_t, Domain>;

  ApiTactic tactic_of(const Behaviour& behaviour) const;
  void judge(Behaviour& behaviour, const Facts& facts, Output& out);
  void consider(Open& open, const JudgedBehaviour& latest, Output& out);
  void close(Open& open, Output& out);
  NamedValues profile_of(const JudgedBehaviour& primary, Day day) const;
  Detection detection_of(const Open& open, const Evidence& evidence) const;
  static Activity activity_of(const Open& open);

  std::span<const Detector* const> detectors_;
  LogKind log_;
  std::vector<std::uint16_t> judges_;  // detectors
  Rarity norms_;
  std::optional<TimeMs> learn_until_;
  boost::unordered_flat_map<std::uint64_t, PackedBehaviour> waiting_;  // by tuple
  std::map<Day, boost::unordered_flat_set<std::uint64_t>> judged_;     // tuples, of the days that may go on
  std::map<Who, Open> open_;
};

}  // namespace picket
