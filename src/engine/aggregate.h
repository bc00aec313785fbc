// Detections that are the same issue become one finding. Everything here merges commutatively: counts add,
// times take the minimum and maximum, the latest record's details win, the proof keeps the earliest and the
// latest records. So a finding does not depend on the order in which its detections came.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/archive.h"
#include "base/hash.h"
#include "engine/detector.h"
#include "engine/numbering.h"
#include "finding/signal.h"
#include "finding/subject.h"

namespace picket {

// The first and last records that justify a finding: at most 50 + 50.
class Proof {
 public:
  static constexpr std::size_t half_max = 50;  // at most 100, first and last kept
  void add(const ProofRecord& record);
  // `records` ascending, without doubles.
  void add(std::span<const ProofRecord* const> records);
  void merge(const Proof& other);
  // In order of time, without doubles.
  std::span<const ProofRecord> records() const { return records_; }
  // The same record was delivered in another object too: the one of the smaller key stands in the proof.
  bool rename(const ProofRecord& copy);
  template <class Ar>
  void io(Ar& ar) {
    ar(records_);
  }

 private:
  void merge_in(const auto& more);
  std::vector<ProofRecord> records_;  // ascending; from 2 * half_max on, of more, the first and last half_max
};

// One or more detections of one issue, merged.
struct Activity {
  std::uint64_t count = 0;
  Proof proof;
  Detection latest;     // of the latest record
  double severity = 0;  // the highest
  ProofRecord first, last;
  std::vector<IntelEvidence> intel;         // sorted, distinct, at most intel_max
  std::vector<IpAddress> remote_ips;        // likewise: of all detections, the lowest remote_ips_max
  std::map<std::uint16_t, Signal> signals;  // by detector, of custom detection rules
  std::optional<Sequence> sequence;         // of an attack sequence

  static constexpr std::size_t intel_max = 10, remote_ips_max = 20;
  explicit Activity(Detection detection);
  Activity() = default;
  void merge(Activity other);
  void merge(Detection more);
  bool rename(const ProofRecord& copy);
  template <class Ar>
  void io(Ar& ar) {
    ar(count, proof, latest, severity, first, last, intel, remote_ips, signals, sequence);
  }

 private:
  void note(const IpAddress& remote);
};

// Activities by issue and day: what is merged before it comes to the aggregator.
class DailyActivities {
 public:
  // `detector`: of the detection.
  void add(const Detector& detector, Detection detection);
  // Until the next call.
  std::span<Activity> all() { return all_; }
  void clear();

 private:
  std::unordered_map<std::string, std::size_t> by_issue_;  // index of all_
  std::vector<Activity> all_;
};

// A finding as the aggregator knows it.
struct AggregatedFinding {
  std::string id;
  Activity activity;
  // A refused attempt: told apart from findings by everybody who takes changes.
  bool signal() const { return activity.latest.signal; }
  // When its first record was made, or when the signals of a sequence were enough.
  TimeMs created() const { return activity.sequence ? activity.sequence->raised : activity.first.time; }
  // How often the issue came up: a sequence once, however many records its signals have.
  std::uint64_t count() const { return activity.sequence ? 1 : activity.count; }
};

class Aggregator {
 public:
  // An issue that was silent this long comes back as a new finding (GuardDuty keeps findings 90 days).
  static constexpr TimeMs episode_gap = 90 * day_ms;
  // Activity of one issue is merged by slices of 30 days: finer than the gap, so that merging within one
  // never hides a gap.
  static constexpr TimeMs slice_of(TimeMs time) { return time / slice - (time % slice < 0 ? 1 : 0); }

  explicit Aggregator(std::span<const Detector* const> detectors) : detectors_(detectors) {}

  // Of a single record, or of a closed window: counted once for good.
  void add(const Detection& detection);
  void add(Activity activity);
  // Of a record that was delivered before: changes at most which object the proof names; whether it did.
  bool add_copy(const Detection& copy);
  // Of a window that is still open: replaces what the same window said before.
  void replace(std::uint64_t window, const Detection& detection) { replace(window, Activity(detection)); }
  void replace(std::uint64_t window, Activity activity);
  // What the window said last; absent when it says nothing.
  const Activity* said(std::uint64_t window) const;
  // The window takes back what it said.
  void withdraw(std::uint64_t window);
  // The window closed: what it said last stays (or never was anything).
  void settle(std::uint64_t window);
  // What stood behind the open windows of these detectors, by number, is lost: what they said last stays, and
  // what was provisional says that it will not become sure.
  void settle_lost(const std::vector<bool>& lost);

  struct Changes {
    std::vector<AggregatedFinding> updated;  // by id
    std::vector<std::string> retracted;      // ids that no longer exist
    std::vector<AggregatedFinding> signals;  // changed refused attempts, by id
  };
  // Facts from `since` on were learned: findings seen since then may tell more of their resource.
  void touch(TimeMs since);
  // Findings whose activity changed (or were touched) since the last call, in order of id.
  Changes take_changes();

  // Hashes of the keys of the objects that proofs name.
  std::unordered_set<std::uint64_t> named_objects() const;

  std::size_t issues() const { return issues_.size(); }
  std::size_t bytes() const;
  void save(Writer& out) const;
  void load(Reader& in);
  // As it was loaded, with today's numbers. What no detector raises any more goes; what it told stays with
  // whoever was told.
  void renumber(const Numbering& numbering);

 private:
  static constexpr TimeMs slice = 30 * day_ms;
  struct Issue {
    std::map<TimeMs, Activity> settled;      // by slice number
    std::map<std::uint64_t, Activity> open;  // by window
    std::set<std::string> ids;               // of the findings it has now
    template <class Ar>
    void io(Ar& ar) {
      ar(settled, open, ids);
    }
  };
  std::string base_of(const Detection& detection) const;
  std::vector<AggregatedFinding> findings_of(const std::string& base, const Issue& issue) const;

  std::span<const Detector* const> detectors_;
  std::map<std::string, Issue> issues_;           // by detector, type, account, Region and issue keys
  std::map<std::uint64_t, std::string> open_in_;  // window -> issue
  std::set<std::string> touched_;
};

}  // namespace picket
