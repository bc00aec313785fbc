// Learns from flow records what is usual for hosts and has detectors judge each host's day by it.
//
// Workers collect host-days (HostDayTable). Between epochs they are merged, and each day that changed is told
// to the detectors, provisionally while it is open and once more when the watermark has passed its end: what
// they say then stays. Only a day that is over is learned, and days are judged and learned in order, so that
// each is judged by those before it, however many an epoch closes.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/host_day.h"
#include "state/host_norms.h"

namespace picket {

struct Detector;
class Facts;
struct PartitionOutput;

// Of one worker in one epoch.
class HostDayTable {
 public:
  // Where a batch of records of one object came from.
  struct Source {
    std::uint64_t object = 0;  // hash of its key
    std::uint64_t records_before = 0;
    std::string_view account, region;  // where the record names none
  };
  // Calls `kept(flow)` for the first record that each host has in the object.
  template <class Kept>
  void add(std::span<const FlowRecord> records, const Source& source, Kept kept) {
    for (const FlowRecord& flow : records) {
      if (passes_by(flow)) continue;
      if (take(flow, source)) kept(flow);
    }
  }
  void clear() { days_.clear(); }

 private:
  friend class HostLearner;
  struct Key {
    std::uint64_t host = 0;
    std::int32_t day = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    using is_avalanching = void;
    std::size_t operator()(const Key& key) const {
      return hash_mix(key.host, static_cast<std::uint64_t>(key.day));
    }
  };

  // A record of this size is a transfer: 1 GB a day is 7 MB in ten minutes and 0.7 MB in one.
  static constexpr std::uint64_t bulk_record_bytes_min = 256U << 10;
  // The half of who answers counts only where it is large.
  static bool passes_by(const FlowRecord& flow) {
    return flow.srcport <= flow.dstport && flow.bytes < bulk_record_bytes_min;
  }
  // Whether it is the host's first in the object.
  bool take(const FlowRecord& flow, const Source& source);

  struct Kept {
    std::unique_ptr<HostDay> day;
    std::uint64_t object = 0;  // that it was met in last
  };
  boost::unordered_flat_map<Key, Kept, KeyHash> days_;
};

class HostLearner {
 public:
  explicit HostLearner(std::span<const Detector* const> detectors);
  bool wanted() const { return !judges_.empty(); }

  void add(HostDayTable& table);
  // Days that changed since the last call.
  template <class F>
  void each_untold(F visit) {
    for (auto& [number, hosts] : open_) {
      for (auto& [host, open] : hosts) {
        if (std::exchange(open.untold, false)) visit(*open.day);
      }
    }
  }
  // `watermark` is that of flow logs.
  PartitionOutput turn(std::int64_t watermark, const Facts& facts);

  struct Evicted {
    std::uint64_t days = 0, norms = 0;
    template <class Ar>
    void io(Ar& ar) {
      ar(days, norms);
    }
  };
  const Evicted& evicted() const { return evicted_; }
  std::size_t open_days() const;

  void save(Writer& out) const;
  void load(Reader& in);

 private:
  struct Open {
    std::unique_ptr<HostDay> day;
    std::uint32_t bytes = 0;          // as counted in bytes_
    bool touched = false;             // since it was last judged
    bool untold = true;               // since each_untold()
    std::vector<std::uint64_t> told;  // windows of the aggregator, sorted
  };
  using OpenDays = boost::unordered_flat_map<std::uint64_t, Open>;  // by host
  // Of all open days together: those of 300,000 hosts that talk to twenty addresses each.
  static constexpr std::size_t bytes_max = std::size_t{1} << 30;

  void note(const HostDay& day, const Facts& facts);
  void judge(Open& open, const Facts& facts, PartitionOutput& out) const;
  void learn(std::int32_t number, const OpenDays& hosts, const Facts& facts);
  void learn(const HostDay& day, bool suspect, const Facts& facts);
  void evict(PartitionOutput& out);

  std::span<const Detector* const> detectors_;
  std::vector<std::uint16_t> judges_;
  std::map<std::int32_t, OpenDays> open_;
  std::size_t bytes_ = 0;
  HostNorms norms_;
  Evicted evicted_;
};

}  // namespace picket
