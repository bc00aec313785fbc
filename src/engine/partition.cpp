#include "engine/partition.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/subject.h"

namespace picket {

namespace {

class WindowEmit final : public Emit {
 public:
  WindowEmit(const Detector& detector, std::uint16_t index, const WindowEntry& entry)
      : detector_(detector), index_(index), entry_(entry) {}

  void detection(Evidence evidence, Subject subject, std::uint64_t records, const ProofRecord& first,
                 const ProofRecord& last) override {
    Detection made;
    made.detector = index_;
    made.type = evidence.type;
    const FindingType& type = detector_.types[evidence.type];
    made.severity = evidence.severity.value_or(number_of(type.severity));
    subject.role = type.role;
    if (type.resource) subject.resource = *type.resource;
    if (subject.account.empty()) subject.account = entry_.account;
    if (subject.region.empty()) subject.region = entry_.region;
    made.subject = std::move(subject);
    made.evidence = std::move(evidence.values);
    made.issue = issue_of(made.subject, made.evidence, detector_.issue);
    made.count = records;
    made.first = first;
    made.last = last;
    result = std::move(made);
  }

  std::optional<Detection> result;

 private:
  const Detector& detector_;
  const std::uint16_t index_;
  const WindowEntry& entry_;
};

}  // namespace

void Partition::add_window(const WindowKey& key, WindowEntry entry) {
  Open& open = windows_[key];
  if (!open.entry.state) {
    open.entry = std::move(entry);
  } else {
    open.entry.state->merge(*entry.state);
  }
  if (!open.touched) {
    open.touched = true;
    touched_.push_back(key);
  }
}

PartitionOutput Partition::turn(std::span<const Detector* const> detectors, const Facts& facts,
                                const PartitionTime& time) {
  PartitionOutput out;
  judge_windows(detectors, facts, time, out);
  judge_rows(detectors, facts, time, out);
  evict_windows(detectors, out);
  evict_baselines(detectors, out);
  return out;
}

void Partition::judge_windows(std::span<const Detector* const> detectors, const Facts& facts,
                              const PartitionTime& time, PartitionOutput& out) {
  struct Due {
    WindowKey key;
    Open* open = nullptr;
    bool closes = false;
  };
  std::vector<Due> due, in_order;  // in_order: those with a baseline, which folds in the order of time
  const auto closes = [&](const WindowKey& key) {
    const Detector& detector = *detectors[key.detector];
    const TimeMs watermark = time.watermark[static_cast<std::size_t>(detector.when.front().log)];
    return key.start + detector.logic.window->options.span <= watermark;
  };
  const auto list = [&](const WindowKey& key, Open& open, bool closing) {
    (detectors[key.detector]->logic.window->has_baseline() ? in_order : due).push_back({key, &open, closing});
  };
  for (const WindowKey& key : touched_) {
    if (!closes(key)) list(key, windows_.find(key)->second, false);
  }
  touched_.clear();
  for (auto& [key, open] : windows_) {
    if (closes(key)) list(key, open, true);
  }
  std::sort(in_order.begin(), in_order.end(), [](const Due& a, const Due& b) { return a.key < b.key; });
  due.insert(due.end(), in_order.begin(), in_order.end());
  // Nothing is added meanwhile and erasing moves nothing, so the pointers hold.
  for (const Due& item : due) {
    Open& open = *item.open;
    const Detector& detector = *detectors[item.key.detector];
    const WindowLogic& logic = *detector.logic.window;
    const auto log = static_cast<std::size_t>(detector.when.front().log);
    Known* known = nullptr;
    if (logic.has_baseline()) {
      known = &baselines_[{item.key.detector, item.key.entity}];
      if (!known->baseline) known->baseline = logic.make_baseline();
      known->last = std::max(known->last, item.key.start);
      if (item.closes) {
        // Only what ended at least the lateness before this window began may judge it.
        const TimeMs frozen = item.key.start - time.lateness[log];
        auto& waiting = known->waiting;
        while (!waiting.empty() && waiting.begin()->first + logic.options.span <= frozen) {
          logic.fold(*known->baseline, *waiting.begin()->second);
          waiting.erase(waiting.begin());
        }
      }
    }
    const std::uint64_t window = item.key.hash();
    // At its close once more: facts may have been learned since it was last judged.
    if (open.touched || item.closes) {
      open.touched = false;
      WindowEmit emit(detector, item.key.detector, open.entry);
      const Judging judging{{item.key.start, item.key.start + logic.options.span},
                            open.entry.account,
                            open.entry.region,
                            facts};
      logic.judge(*open.entry.state, known ? known->baseline.get() : nullptr, judging, emit);
      if (open.told && !emit.result) out.withdrawn.push_back(window);
      open.told = emit.result.has_value();
      if (emit.result) out.windows.emplace_back(window, std::move(*emit.result));
    }
    if (!item.closes) continue;
    out.settled.push_back(window);
    if (known != nullptr) {
      auto& slot = known->waiting[item.key.start];
      if (slot) {
        slot->merge(*open.entry.state);
      } else {
        slot = std::move(open.entry.state);
      }
    }
    windows_.erase(item.key);
  }
}

// Of one record's deliveries the one in the object of the smaller key stays, whichever came first. A copy
// whose record was judged already comes late and is dropped.
void Partition::fold_copies() {
  std::size_t kept = 0;
  for (std::size_t i = 0, end = 0; i < rows_.size(); i = end) {
    bool copies = false;
    std::uint32_t records = 0;
    for (end = i; end < rows_.size() && OrderedRow::same_record(rows_[end], rows_[i]); ++end) {
      copies |= rows_[end].records() == 0;
      records += rows_[end].records();
    }
    for (std::size_t j = i; j < end; ++j) {
      if (copies && (j > i || records == 0)) break;
      if (copies) rows_[j].set_records(records);
      if (kept != j) rows_[kept] = std::move(rows_[j]);
      ++kept;
    }
  }
  rows_.resize(kept);
}

// Brings back from disk what the watermark has reached.
void Partition::load_rows(const PartitionTime& time, PartitionOutput& out) {
  const TimeMs until = std::max(*std::ranges::max_element(time.watermark), time.rows_early);
  for (RowRun& run : runs_) {
    if (!run.take(until, rows_)) out.evicted_rows += std::exchange(run, {}).rows_left();
  }
  std::erase_if(runs_, [](const RowRun& run) { return run.empty(); });
}

Result<void> Partition::spill(const std::shared_ptr<SpillFile>& file) {
  if (rows_.empty()) return {};
  auto run = RowRun::write(file, rows_);
  if (!run) return std::unexpected(run.error());
  runs_.push_back(std::move(*run));
  rows_ = {};
  rows_sorted_ = 0;
  return {};
}

// Those of earlier epochs are in order already.
void Partition::sort_rows() {
  const auto fresh = rows_.begin() + static_cast<std::ptrdiff_t>(rows_sorted_);
  std::sort(fresh, rows_.end(), OrderedRow::before);
  std::inplace_merge(rows_.begin(), fresh, rows_.end(), OrderedRow::before);
}

void Partition::judge_rows(std::span<const Detector* const> detectors, const Facts& facts,
                           const PartitionTime& time, PartitionOutput& out) {
  load_rows(time, out);
  if (rows_.empty()) return;
  sort_rows();
  fold_copies();
  std::size_t judged = 0;
  for (; judged < rows_.size(); ++judged) {
    const OrderedRow& row = rows_[judged];
    const Detector& detector = *detectors[row.detector()];
    if (!time.due(row, detector)) {
      if (row.time() > time.rows_early) break;
      ++out.evicted_rows;
    }
    auto& state = ordered_[{row.detector(), row.entity()}];
    if (!state) state = detector.logic.ordered();
    if (std::optional<Candidate> raised = state->step(row.candidate(detector), facts)) {
      out.detections.push_back(row.raised(std::move(*raised), detector));
    }
  }
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(judged));
  rows_sorted_ = rows_.size();
}

void Partition::evict_windows(std::span<const Detector* const> detectors, PartitionOutput& out) {
  std::map<std::uint16_t, std::size_t> bytes;
  for (const auto& [key, open] : windows_)
    bytes[key.detector] += open.entry.state->bytes() + sizeof(WindowKey) + sizeof(Open);
  for (const auto& [index, used] : bytes) {
    const std::size_t limit = detectors[index]->logic.window->options.bytes_max / partition_count;
    if (used <= limit) continue;
    // The account that takes most goes first, its oldest window first.
    struct Place {
      std::size_t account_bytes;
      std::string_view account;
      WindowKey key;
      std::size_t bytes;
    };
    std::map<std::string_view, std::size_t> by_account;
    std::vector<Place> places;
    for (const auto& [key, open] : windows_) {
      if (key.detector != index) continue;
      const std::size_t bytes_of = open.entry.state->bytes() + sizeof(WindowKey) + sizeof(Open);
      by_account[open.entry.account] += bytes_of;
      places.push_back({0, open.entry.account, key, bytes_of});
    }
    for (Place& place : places) place.account_bytes = by_account[place.account];
    std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
      if (a.account_bytes != b.account_bytes) return a.account_bytes > b.account_bytes;
      return std::tie(a.account, a.key.start, a.key.entity) < std::tie(b.account, b.key.start, b.key.entity);
    });
    std::size_t left = used;
    std::size_t gone = 0;
    for (; gone < places.size() && left > limit; ++gone) left -= std::min(left, places[gone].bytes);
    out.evicted[index] += gone;
    for (std::size_t i = 0; i < gone; ++i) {
      out.settled.push_back(places[i].key.hash());
      windows_.erase(places[i].key);  // `account` views of the erased are not looked at any more.
    }
  }
}

void Partition::evict_baselines(std::span<const Detector* const> detectors, PartitionOutput& out) {
  std::map<std::uint16_t, std::size_t> counts;
  for (const auto& [key, known] : baselines_) ++counts[key.first];
  for (const auto& [index, count] : counts) {
    // A baseline gets as much memory as the windows; with its waiting windows it takes about this much.
    constexpr std::size_t known_bytes = sizeof(Known) + 400;
    const std::size_t most = std::max<std::size_t>(
        1, detectors[index]->logic.window->options.bytes_max / partition_count / known_bytes);
    if (count <= most) continue;
    // Those whose entity was not seen for longest go first.
    std::vector<std::pair<TimeMs, std::uint64_t>> by_age;
    for (const auto& [key, known] : baselines_) {
      if (key.first == index) by_age.emplace_back(known.last, key.second);
    }
    std::sort(by_age.begin(), by_age.end());
    for (std::size_t i = 0; i < count - most; ++i) {
      baselines_.erase({index, by_age[i].second});
      ++out.evicted[index];
    }
  }
}

void Partition::save(Writer& out) const {
  std::vector<WindowKey> keys;
  for (const auto& [key, open] : windows_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  out(static_cast<std::uint32_t>(keys.size()));
  for (const WindowKey& key : keys) {
    const Open& open = windows_.find(key)->second;
    out(key, open.told, open.entry.account, open.entry.region);
    open.entry.state->save(out);
  }
  out(static_cast<std::uint32_t>(baselines_.size()));
  for (const auto& [key, known] : baselines_) {
    out(key.first, key.second, known.last);
    known.baseline->save(out);
    out(static_cast<std::uint32_t>(known.waiting.size()));
    for (const auto& [start, state] : known.waiting) {
      out(start);
      state->save(out);
    }
  }
  std::vector<OrderedRow> rows = rows_;
  for (RowRun run : runs_) {
    // What cannot be read is told when its time comes.
    static_cast<void>(run.take(std::numeric_limits<TimeMs>::max(), rows));
  }
  std::sort(rows.begin(), rows.end(), OrderedRow::before);
  out(rows);
  out(static_cast<std::uint32_t>(ordered_.size()));
  for (const auto& [key, state] : ordered_) {
    out(key.first, key.second);
    state->save(out);
  }
}

void Partition::load(Reader& in, std::span<const Detector* const> detectors) {
  const auto logic_of = [&](std::uint16_t index) -> const WindowLogic* {
    if (index >= detectors.size() || !detectors[index]->logic.window) in.fail();
    return in.failed() ? nullptr : detectors[index]->logic.window.get();
  };
  std::uint32_t count = 0;
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    WindowKey key;
    WindowEntry entry;
    bool told = false;
    in(key, told, entry.account, entry.region);
    const WindowLogic* logic = logic_of(key.detector);
    if (logic == nullptr) return;
    entry.state = logic->make_state();
    entry.state->load(in);
    Open& open = windows_[key];
    open.entry = std::move(entry);
    open.told = told;
  }
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    std::pair<std::uint16_t, std::uint64_t> key;
    in(key);
    const WindowLogic* logic = logic_of(key.first);
    if (logic == nullptr) return;
    Known& known = baselines_[key];
    in(known.last);
    known.baseline = logic->make_baseline();
    if (!known.baseline) return in.fail();
    known.baseline->load(in);
    std::uint32_t waiting = 0;
    in(waiting);
    for (std::uint32_t j = 0; j < waiting && !in.failed(); ++j) {
      TimeMs start = 0;
      in(start);
      auto state = logic->make_state();
      state->load(in);
      known.waiting[start] = std::move(state);
    }
  }
  in(rows_);
  for (const OrderedRow& row : rows_) {
    if (row.detector() >= detectors.size() || detectors[row.detector()]->logic.ordered == nullptr ||
        !row.whole(*detectors[row.detector()]))
      return in.fail();
  }
  rows_sorted_ = rows_.size();
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    std::pair<std::uint16_t, std::string> key;
    in(key);
    if (in.failed() || key.first >= detectors.size() || detectors[key.first]->logic.ordered == nullptr)
      return in.fail();
    auto& state = ordered_[key];
    state = detectors[key.first]->logic.ordered();
    state->load(in);
  }
}

}  // namespace picket
