// A partition owns the windows, baselines and ordered rows of a fixed share of the entities. One thread
// works on it at a time, between epochs, so its state needs no locks.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/object_run.h"

namespace picket {

constexpr std::size_t partition_count = 64;  // fixed: entities must not move (DESIGN section 3)

// What a partition hands to the aggregator after an epoch, in an order that does not matter.
struct PartitionOutput {
  std::vector<Detection> detections;                         // of ordered rows
  std::vector<std::pair<std::uint64_t, Detection>> windows;  // of windows, by window
  std::vector<std::uint64_t> withdrawn;                      // windows that no longer say anything
  std::vector<std::uint64_t> settled;                        // windows that closed
  std::map<std::uint16_t, std::uint64_t> evicted;            // windows and baselines, by detector
  std::uint64_t evicted_rows = 0;
};

struct PartitionTime {
  std::array<TimeMs, log_kinds.size()> watermark{};
  std::array<TimeMs, log_kinds.size()> lateness{};
};

class Partition {
 public:
  void add_window(const WindowKey& key, WindowEntry entry);
  // A row that stands for no record (count 0) is a copy of one that came in another object.
  void add_row(Candidate row) { rows_.push_back(std::move(row)); }
  // Judges what changed, closes what the watermark has passed, keeps within the budgets.
  PartitionOutput turn(std::span<const Detector* const> detectors, const Facts& facts,
                       const PartitionTime& time, std::size_t ordered_bytes_max);
  std::size_t open_windows() const { return windows_.size(); }
  void save(Writer& out) const;
  void load(Reader& in, std::span<const Detector* const> detectors);

 private:
  struct Open {
    WindowEntry entry;
    bool touched = false;  // since it was last judged
    bool told = false;     // its last judgement was a detection
  };
  struct Known {      // baseline of one entity
    TimeMs last = 0;  // start of its latest window
    std::unique_ptr<BaselineState> baseline;
    std::map<TimeMs, std::unique_ptr<WindowState>> waiting;  // closed, not yet old enough to be folded
  };
  void judge_windows(std::span<const Detector* const> detectors, const Facts& facts,
                     const PartitionTime& time, PartitionOutput& out);
  void sort_rows();
  void judge_rows(std::span<const Detector* const> detectors, const Facts& facts, const PartitionTime& time,
                  std::size_t ordered_bytes_max, PartitionOutput& out);
  void fold_copies();
  void evict_windows(std::span<const Detector* const> detectors, PartitionOutput& out);
  void evict_baselines(std::span<const Detector* const> detectors, PartitionOutput& out);

  boost::unordered_flat_map<WindowKey, Open, WindowKeyHash> windows_;
  std::vector<WindowKey> touched_;
  std::map<std::pair<std::uint16_t, std::uint64_t>, Known> baselines_;
  std::vector<Candidate> rows_;
  std::map<std::pair<std::uint16_t, std::string>, std::unique_ptr<OrderedState>> ordered_;
};

}  // namespace picket
