// A partition owns the windows, baselines and ordered rows of a fixed share of the entities. One thread
// works on it at a time, between epochs, so its state needs no locks.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "engine/numbering.h"
#include "engine/object_run.h"
#include "engine/ordered_row.h"
#include "engine/row_spill.h"

namespace picket {

// What a partition hands to the aggregator after an epoch, in an order that does not matter.
struct PartitionOutput {
  std::vector<Detection> detections;                         // of ordered rows
  std::vector<std::pair<std::uint64_t, Detection>> ahead;    // of those that wait: provisional, by window
  DailyActivities activities;                                // of those of DNS queries
  std::vector<std::pair<std::uint64_t, Detection>> windows;  // of windows, by window
  std::vector<std::uint64_t> withdrawn;                      // windows that no longer say anything
  std::vector<std::pair<std::uint64_t, TimeMs>> settled;     // windows that closed with something said; end
  std::map<std::uint16_t, std::uint64_t> evicted;            // windows and baselines, by detector
  std::uint64_t evicted_rows = 0;
};

struct PartitionTime {
  std::array<TimeMs, log_kinds.size()> watermark{};
  std::array<TimeMs, log_kinds.size()> lateness{};
  // Rows up to here are judged before the watermark comes to them, because too many wait.
  TimeMs rows_early = std::numeric_limits<TimeMs>::min();
  // Rows that have to wait are judged provisionally besides.
  bool ahead = false;

  bool due(const OrderedRow& row, const Detector& detector) const {
    return row.time() <= watermark[static_cast<std::size_t>(detector.when.front().log)];
  }
};

class Partition {
 public:
  void add_window(std::span<const Detector* const> detectors, const WindowKey& key, WindowEntry entry);
  void add_row(OrderedRow row) { rows_.push_back(std::move(row)); }
  std::span<const OrderedRow> rows() const { return rows_; }  // in memory
  // After a turn: moves the waiting rows to the file.
  Result<void> spill(const std::shared_ptr<SpillFile>& file);
  // Judges what changed, closes what the watermark has passed, keeps within the budgets.
  PartitionOutput turn(std::span<const Detector* const> detectors, const Facts& facts,
                       const PartitionTime& time);
  std::size_t open_windows() const { return windows_.size(); }
  void save(Writer& out) const;
  void open_files(std::set<int>& files) const;  // that save() reads from
  // What is of detectors that are gone, or of another version, is left out.
  void load(Reader& in, std::span<const Detector* const> detectors, const Numbering& numbering);

 private:
  struct Open {
    WindowEntry entry;
    std::uint32_t bytes = 0;  // as counted in bytes_
    bool touched = false;     // since it was last judged
    bool told = false;        // its last judgement was a detection
  };
  struct Known {      // baseline of one entity
    TimeMs last = 0;  // start of its latest window
    std::unique_ptr<BaselineState> baseline;
    std::map<TimeMs, std::unique_ptr<WindowState>> waiting;  // closed, not yet old enough to be folded
  };
  void judge_windows(std::span<const Detector* const> detectors, const Facts& facts,
                     const PartitionTime& time, PartitionOutput& out);
  void load_rows(const PartitionTime& time, PartitionOutput& out);
  void judge_window(const Detector& detector, const WindowKey& key, Open& open, const BaselineState* baseline,
                    const Facts& facts, PartitionOutput& out);
  void count_bytes(const WindowLogic& logic, const WindowKey& key, Open& open);
  void note_closing(const Detector& detector, const WindowKey& key);
  void drop_window(const WindowKey& key, const Open& open);
  void sort_rows();
  void judge_rows(std::span<const Detector* const> detectors, const Facts& facts, const PartitionTime& time,
                  PartitionOutput& out);
  OrderedState& state_of(const OrderedRow& row, const Detector& detector);
  void judge_ahead(std::span<const Detector* const> detectors, const Facts& facts, const PartitionTime& time,
                   PartitionOutput& out);
  void end_ahead(TimeMs until, PartitionOutput& out);
  void fold_copies(std::size_t count);
  void evict_windows(std::span<const Detector* const> detectors, PartitionOutput& out);
  void evict_baselines(std::span<const Detector* const> detectors, PartitionOutput& out);

  boost::unordered_flat_map<WindowKey, Open, WindowKeyHash> windows_;
  std::vector<WindowKey> touched_;
  // Windows by log and the time they end; a key may stay behind when its window was evicted.
  std::map<std::pair<LogKind, TimeMs>, std::vector<WindowKey>> closing_;
  std::vector<std::size_t> bytes_;  // of the windows of each detector
  std::map<std::pair<std::uint16_t, std::uint64_t>, Known> baselines_;
  std::vector<OrderedRow> rows_;
  std::size_t rows_sorted_ = 0;  // of them the first so many
  std::vector<RowRun> runs_;     // rows on disk
  // By detector and entity.
  struct OrderedLess {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      return std::pair<std::uint16_t, std::string_view>(a) < std::pair<std::uint16_t, std::string_view>(b);
    }
  };
  using Entity = std::pair<std::uint16_t, std::string>;
  std::map<Entity, std::unique_ptr<OrderedState>, OrderedLess> ordered_;
  // As the states would be if the rows that wait had been judged as they came. Only for entities of which
  // some wait; begun anew from the state behind the watermark when none does.
  struct Ahead {
    std::unique_ptr<OrderedState> state;
    TimeMs last = 0;  // newest row
  };
  std::map<Entity, Ahead, OrderedLess> ahead_;
  std::set<std::pair<TimeMs, std::uint64_t>> told_ahead_;  // time of the row, window

  // What one detector has here, in the order it is saved in.
  struct Held {
    std::vector<WindowKey> windows;
    std::vector<std::pair<std::uint64_t, const Known*>> baselines;
    std::vector<std::pair<const std::string*, OrderedState*>> ordered;
    std::vector<std::pair<const std::string*, const Ahead*>> ahead;
  };
  using Places = std::map<std::pair<std::string, std::string>, std::shared_ptr<const Place>>;
  void save_part(Held& held, Writer& out) const;
  void load_part(Reader& in, std::uint16_t detector, std::span<const Detector* const> detectors,
                 Places& places);
};

}  // namespace picket
