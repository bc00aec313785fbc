#include "engine/partition.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <limits>
#include <tuple>
#include <utility>

#include "engine/subject.h"
#include "finding/provisional.h"

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
    made.severity = evidence.severity_of(number_of(type.severity));
    made.signal = evidence.signal;
    if (subject.account.empty()) subject.account = entry_.place->account;
    if (subject.region.empty()) subject.region = entry_.place->region;
    apply_type(type, subject);
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

void Partition::add_window(std::span<const Detector* const> detectors, const WindowKey& key,
                           WindowEntry entry) {
  const Detector& detector = *detectors[key.detector];
  const WindowLogic& logic = *detector.logic.window;
  Open& open = windows_[key];
  if (!open.entry.state) {
    open.entry = std::move(entry);
    note_closing(detector, key);
  } else {
    open.entry.state->merge(*entry.state);
    open.entry.records += entry.records;
  }
  count_bytes(logic, key, open);
  if (!open.touched && open.entry.records >= logic.options.records_min) {
    open.touched = true;
    touched_.push_back(key);
  }
}

void Partition::note_closing(const Detector& detector, const WindowKey& key) {
  closing_[{detector.when.front().log, key.start + detector.logic.window->options.span}].push_back(key);
}

// What a state allocates is looked up only when it is large enough to be judged: its memory is cold
// otherwise.
void Partition::count_bytes(const WindowLogic& logic, const WindowKey& key, Open& open) {
  const std::size_t state =
      open.entry.records >= logic.options.records_min ? open.entry.state->bytes() : logic.state_bytes();
  const std::size_t bytes = state + sizeof(WindowKey) + sizeof(Open);
  if (bytes_.size() <= key.detector) bytes_.resize(key.detector + std::size_t{1});
  bytes_[key.detector] += bytes - open.bytes;
  open.bytes = static_cast<std::uint32_t>(bytes);
}

void Partition::drop_window(const WindowKey& key, const Open& open) {
  bytes_[key.detector] -= open.bytes;
  windows_.erase(key);
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

void Partition::judge_window(const Detector& detector, const WindowKey& key, Open& open,
                             const BaselineState* baseline, const Facts& facts, PartitionOutput& out) {
  const WindowLogic& logic = *detector.logic.window;
  open.touched = false;
  if (open.entry.records < logic.options.records_min) return;
  WindowEmit emit(detector, key.detector, open.entry);
  const Judging judging{{key.start, key.start + logic.options.span},
                        open.entry.place->account,
                        open.entry.place->region,
                        facts};
  logic.judge(*open.entry.state, baseline, judging, emit);
  if (open.told && !emit.result) out.withdrawn.push_back(key.hash());
  open.told = emit.result.has_value();
  if (emit.result) out.windows.emplace_back(key.hash(), std::move(*emit.result));
}

void Partition::judge_windows(std::span<const Detector* const> detectors, const Facts& facts,
                              const PartitionTime& time, PartitionOutput& out) {
  std::vector<WindowKey> due, in_order;  // in_order: those with a baseline, which folds in the order of time
  boost::unordered_flat_set<WindowKey, WindowKeyHash> closes;
  const auto list = [&](const WindowKey& key) {
    (detectors[key.detector]->logic.window->has_baseline() ? in_order : due).push_back(key);
  };
  for (auto at = closing_.begin(); at != closing_.end();) {
    const auto& [log, end] = at->first;
    if (end > time.watermark[static_cast<std::size_t>(log)]) {
      at = closing_.lower_bound(
          {static_cast<LogKind>(static_cast<int>(log) + 1), std::numeric_limits<TimeMs>::min()});
      continue;
    }
    for (const WindowKey& key : at->second) {
      if (windows_.contains(key) && closes.insert(key).second) list(key);
    }
    at = closing_.erase(at);
  }
  for (const WindowKey& key : touched_) {
    if (!closes.contains(key)) list(key);
  }
  touched_.clear();
  std::sort(in_order.begin(), in_order.end());
  due.insert(due.end(), in_order.begin(), in_order.end());
  for (const WindowKey& key : due) {
    Open& open = windows_.find(key)->second;
    const Detector& detector = *detectors[key.detector];
    const WindowLogic& logic = *detector.logic.window;
    const bool closing = closes.contains(key);
    Known* known = nullptr;
    if (logic.has_baseline()) {
      known = &baselines_[{key.detector, key.entity}];
      if (!known->baseline) known->baseline = logic.make_baseline();
      known->last = std::max(known->last, key.start);
      if (closing) {
        // Only what ended at least the lateness before this window began may judge it.
        const TimeMs frozen = key.start - time.lateness[static_cast<std::size_t>(detector.when.front().log)];
        auto& waiting = known->waiting;
        while (!waiting.empty() && waiting.begin()->first + logic.options.span <= frozen) {
          logic.fold(*known->baseline, *waiting.begin()->second);
          waiting.erase(waiting.begin());
        }
      }
    }
    // At its close once more: facts may have been learned since it was last judged.
    judge_window(detector, key, open, known ? known->baseline.get() : nullptr, facts, out);
    if (!closing) continue;
    if (open.told) out.settled.emplace_back(key.hash(), key.start + logic.options.span);
    if (known != nullptr) {
      auto& slot = known->waiting[key.start];
      if (slot) {
        slot->merge(*open.entry.state);
      } else {
        slot = std::move(open.entry.state);
      }
    }
    drop_window(key, open);
  }
}

// Of one record's deliveries the one in the object of the smaller key stays, whichever came first. A copy
// whose record was judged already comes late and is dropped. Of the first `count` rows.
void Partition::fold_copies(std::size_t count) {
  std::size_t kept = 0;
  for (std::size_t i = 0, end = 0; i < count; i = end) {
    bool copies = false;
    std::uint32_t records = 0;
    for (end = i; end < count && OrderedRow::same_record(rows_[end], rows_[i]); ++end) {
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
  rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(kept),
              rows_.begin() + static_cast<std::ptrdiff_t>(count));
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

OrderedState& Partition::state_of(const OrderedRow& row, const Detector& detector) {
  const std::pair key{row.detector(), row.entity()};
  auto at = ordered_.find(key);
  if (at == ordered_.end()) at = ordered_.emplace(key, detector.logic.ordered()).first;
  return *at->second;
}

// A finding need not wait for the watermark: what came with this epoch and has to wait is judged as things
// stand. What is told so is a window of its own, which says nothing any more once the row was judged in
// order; only that judgement counts, and is learned from. Queries are left out: they are too many.
void Partition::judge_ahead(std::span<const Detector* const> detectors, const Facts& facts,
                            const PartitionTime& time, PartitionOutput& out) {
  std::sort(rows_.begin() + static_cast<std::ptrdiff_t>(rows_sorted_), rows_.end(), OrderedRow::before);
  Candidate room;
  for (const OrderedRow& row : std::span(rows_).subspan(rows_sorted_)) {
    const Detector& detector = *detectors[row.detector()];
    if (row.records() == 0 || detector.when.front().log == LogKind::dns) continue;
    const std::pair key{row.detector(), row.entity()};
    auto at = ahead_.find(key);
    if (at == ahead_.end()) {
      at = ahead_.emplace(key, Ahead{detector.logic.ordered(), row.time()}).first;
      if (const auto behind = ordered_.find(key); behind != ordered_.end()) {
        std::string bytes;
        Writer saved(bytes);
        behind->second->save(saved);
        Reader read(bytes);
        at->second.state->load(read);
      }
    }
    at->second.last = std::max(at->second.last, row.time());
    std::optional<Candidate> raised = at->second.state->step(row.candidate(detector, room), facts);
    if (!raised || time.due(row, detector) || row.time() <= time.rows_early) continue;
    Detection made = row.raised(std::move(*raised), detector);
    made.evidence.emplace_back(provisional_evidence, "true");
    std::uint64_t window = hash64(detector.name);
    window = hash_mix(window, hash64(row.entity()));
    window = hash_mix(window, row.event_id().empty() ? hash_mix(made.first.object, made.first.position)
                                                     : row.event_id().hash());
    told_ahead_.emplace(row.time(), window);
    out.ahead.emplace_back(window, std::move(made));
  }
}

// What was told of rows up to there has been judged.
void Partition::end_ahead(TimeMs until, PartitionOutput& out) {
  for (auto at = told_ahead_.begin(); at != told_ahead_.end() && at->first <= until;
       at = told_ahead_.erase(at))
    out.withdrawn.push_back(at->second);
  std::erase_if(ahead_, [&](const auto& item) { return item.second.last <= until; });
}

void Partition::judge_rows(std::span<const Detector* const> detectors, const Facts& facts,
                           const PartitionTime& time, PartitionOutput& out) {
  if (time.ahead) judge_ahead(detectors, facts, time, out);
  load_rows(time, out);
  const TimeMs loaded = std::max(*std::ranges::max_element(time.watermark), time.rows_early);
  if (rows_.empty()) return end_ahead(loaded, out);
  const auto is_copy = [](const OrderedRow& row) { return row.records() == 0; };
  const bool copies_came = std::ranges::any_of(std::span(rows_).subspan(rows_sorted_), is_copy);
  sort_rows();
  const auto waits = [&](const OrderedRow& row) {
    return !time.due(row, *detectors[row.detector()]) && row.time() > time.rows_early;
  };
  const auto due = [&] {
    return static_cast<std::size_t>(std::ranges::find_if(rows_, waits) - rows_.begin());
  };
  // To go through all that wait would take longer each turn. Of one record all rows are due at once.
  fold_copies(copies_came ? rows_.size() : due());
  const std::size_t judged = due();
  Candidate room;
  for (std::size_t i = 0; i < judged; ++i) {
    const OrderedRow& row = rows_[i];
    const Detector& detector = *detectors[row.detector()];
    if (!time.due(row, detector)) ++out.evicted_rows;
    OrderedState& state = state_of(row, detector);
    if (std::optional<Candidate> raised = state.step(row.candidate(detector, room), facts)) {
      Detection made = row.raised(std::move(*raised), detector);
      if (detector.when.front().log == LogKind::dns) {
        out.activities.add(detector, std::move(made));
      } else {
        out.detections.push_back(std::move(made));
      }
    }
    if (const std::uint64_t evicted = state.take_evicted()) out.evicted[row.detector()] += evicted;
  }
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(judged));
  rows_sorted_ = rows_.size();
  end_ahead(rows_.empty() ? loaded : std::min(loaded, rows_.front().time() - 1), out);
  std::erase_if(ordered_, [&](const auto& item) {
    const LogKind log = detectors[item.first.first]->when.front().log;
    return item.second->is_spent(time.watermark[static_cast<std::size_t>(log)]);
  });
}

void Partition::evict_windows(std::span<const Detector* const> detectors, PartitionOutput& out) {
  for (std::uint16_t index = 0; index < bytes_.size(); ++index) {
    if (bytes_[index] == 0) continue;
    const std::size_t limit = detectors[index]->logic.window->options.bytes_max / partition_count;
    if (bytes_[index] <= limit) continue;
    // The account that takes most goes first, its oldest window first.
    struct Candidate {
      std::size_t account_bytes;
      std::string_view account;
      WindowKey key;
    };
    std::map<std::string_view, std::size_t> by_account;
    std::vector<Candidate> candidates;
    for (const auto& [key, open] : windows_) {
      if (key.detector != index) continue;
      by_account[open.entry.place->account] += open.bytes;
      candidates.push_back({0, open.entry.place->account, key});
    }
    for (Candidate& candidate : candidates) candidate.account_bytes = by_account[candidate.account];
    std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      if (a.account_bytes != b.account_bytes) return a.account_bytes > b.account_bytes;
      return std::tie(a.account, a.key.start, a.key.entity) < std::tie(b.account, b.key.start, b.key.entity);
    });
    for (const Candidate& candidate : candidates) {
      if (bytes_[index] <= limit) break;
      const Open& open = windows_.find(candidate.key)->second;
      if (open.told)
        out.settled.emplace_back(candidate.key.hash(),
                                 candidate.key.start + detectors[index]->logic.window->options.span);
      ++out.evicted[index];
      drop_window(candidate.key, open);
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

void Partition::open_files(std::set<int>& files) const {
  for (const RowRun& run : runs_)
    if (const int file = run.file(); file >= 0) files.insert(file);
}

// A part for each detector, that a reader without the detector passes over.
void Partition::save(Writer& out) const {
  std::map<std::uint16_t, Held> held;
  for (const auto& [key, open] : windows_) held[key.detector].windows.push_back(key);
  for (const auto& [key, known] : baselines_) held[key.first].baselines.emplace_back(key.second, &known);
  for (const auto& [key, state] : ordered_) held[key.first].ordered.emplace_back(&key.second, state.get());
  for (const auto& [key, ahead] : ahead_) held[key.first].ahead.emplace_back(&key.second, &ahead);
  out(static_cast<std::uint32_t>(held.size()));
  for (auto& [detector, of_detector] : held) {
    std::string part;
    Writer into(part);
    save_part(of_detector, into);
    out(detector, part);
  }
  std::vector<OrderedRow> on_disk;
  for (RowRun run : runs_) {
    // What cannot be read is told when its time comes.
    static_cast<void>(run.take(std::numeric_limits<TimeMs>::max(), on_disk));
  }
  std::vector<const OrderedRow*> rows;
  rows.reserve(rows_.size() + on_disk.size());
  for (const std::vector<OrderedRow>* some : {&rows_, &std::as_const(on_disk)})
    for (const OrderedRow& row : *some) rows.push_back(&row);
  std::ranges::sort(rows,
                    [](const OrderedRow* a, const OrderedRow* b) { return OrderedRow::before(*a, *b); });
  out(static_cast<std::uint32_t>(rows.size()));
  for (const OrderedRow* row : rows) out(*row);
  out(static_cast<std::uint32_t>(told_ahead_.size()));
  for (const auto& [time, window] : told_ahead_) out(time, window);
}

void Partition::save_part(Held& held, Writer& out) const {
  std::ranges::sort(held.windows);
  out(static_cast<std::uint32_t>(held.windows.size()));
  for (const WindowKey& key : held.windows) {
    const Open& open = windows_.find(key)->second;
    out(key.entity, key.start, open.told, open.entry.place->account, open.entry.place->region,
        open.entry.records);
    open.entry.state->save(out);
  }
  out(static_cast<std::uint32_t>(held.baselines.size()));
  for (const auto& [entity, known] : held.baselines) {
    out(entity, known->last);
    known->baseline->save(out);
    out(static_cast<std::uint32_t>(known->waiting.size()));
    for (const auto& [start, state] : known->waiting) {
      out(start);
      state->save(out);
    }
  }
  out(static_cast<std::uint32_t>(held.ordered.size()));
  for (const auto& [entity, state] : held.ordered) {
    out(*entity);
    state->save(out);
  }
  out(static_cast<std::uint32_t>(held.ahead.size()));
  for (const auto& [entity, ahead] : held.ahead) {
    out(*entity, ahead->last);
    ahead->state->save(out);
  }
}

void Partition::load(Reader& in, std::span<const Detector* const> detectors, const Numbering& numbering) {
  Places places;
  std::uint32_t count = 0;
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    std::uint16_t written = 0;
    std::string part;
    in(written, part);
    const auto detector = numbering.with_state(written);
    if (!detector) continue;
    Reader of_part(part);
    load_part(of_part, *detector, detectors, places);
    if (of_part.failed() || !of_part.at_end()) in.fail();
  }
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    OrderedRow row;
    in(row);
    const auto detector = numbering.with_state(row.detector());
    if (in.failed() || !detector) continue;
    row.renumber(*detector);
    if (detectors[*detector]->logic.ordered == nullptr || !row.whole(*detectors[*detector])) return in.fail();
    rows_.push_back(std::move(row));
  }
  rows_sorted_ = rows_.size();
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    std::pair<TimeMs, std::uint64_t> told;
    in(told);
    told_ahead_.insert(told);
  }
}

void Partition::load_part(Reader& in, std::uint16_t detector, std::span<const Detector* const> detectors,
                          Places& places) {
  const Detector& of = *detectors[detector];
  const WindowLogic* window = of.logic.window.get();
  std::uint32_t count = 0;
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    WindowKey key{.detector = detector};
    WindowEntry entry;
    Place place;
    bool told = false;
    in(key.entity, key.start, told, place.account, place.region, entry.records);
    if (in.failed() || window == nullptr) return in.fail();
    auto& kept = places[{place.account, place.region}];
    if (!kept) kept = std::make_shared<const Place>(std::move(place));
    entry.place = kept;
    entry.state = window->make_state();
    entry.state->load(in);
    Open& open = windows_[key];
    if (open.entry.state) return in.fail();
    open.entry = std::move(entry);
    open.told = told;
    count_bytes(*window, key, open);
    note_closing(of, key);
  }
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    std::uint64_t entity = 0;
    TimeMs last = 0;
    in(entity, last);
    if (in.failed() || window == nullptr) return in.fail();
    Known& known = baselines_[{detector, entity}];
    known.last = last;
    known.baseline = window->make_baseline();
    if (!known.baseline) return in.fail();
    known.baseline->load(in);
    std::uint32_t waiting = 0;
    in(waiting);
    for (std::uint32_t j = 0; j < waiting && !in.failed(); ++j) {
      TimeMs start = 0;
      in(start);
      auto state = window->make_state();
      state->load(in);
      known.waiting[start] = std::move(state);
    }
  }
  const auto load_ordered = [&](Reader& from) {
    auto state = of.logic.ordered();
    state->load(from);
    return state;
  };
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    std::string entity;
    in(entity);
    if (in.failed() || of.logic.ordered == nullptr) return in.fail();
    ordered_[{detector, std::move(entity)}] = load_ordered(in);
  }
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    std::string entity;
    TimeMs last = 0;
    in(entity, last);
    if (in.failed() || of.logic.ordered == nullptr) return in.fail();
    ahead_[{detector, std::move(entity)}] = {load_ordered(in), last};
  }
}

}  // namespace picket
