// The detection engine: epochs of objects in, findings out. The same epochs give the same findings for any
// number of threads; save() and load() cut between epochs. It knows event time only and reads no clock.
//
// An epoch has two halves. First workers decode the objects, each object whole on one worker, and keep what
// came out to themselves (ObjectRun). Then, between epochs and in key order: duplicates are found, facts are
// published, windows and ordered rows go to the partition that owns their entity, watermarks move, windows
// close, and what changed among the findings is handed to the caller.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/workers.h"
#include "decode/decoder.h"
#include "engine/aggregate.h"
#include "engine/detector.h"
#include "engine/duplicates.h"
#include "engine/flow_claims.h"
#include "engine/identities.h"
#include "engine/learner.h"
#include "engine/object_run.h"
#include "engine/partition.h"
#include "engine/read_again.h"
#include "engine/sequences.h"
#include "engine/trigger_index.h"
#include "engine/visibility.h"
#include "enrich/intel.h"
#include "ledger/object_ledger.h"
#include "ledger/usage.h"
#include "state/entities.h"
#include "state/facts.h"

namespace picket {

struct EngineLimits {
  std::size_t identities_max = 64U << 20;      // record ids kept for finding duplicates (about 16 bytes each)
  std::size_t ordered_bytes_max = 256U << 20;  // of waiting rows in memory; more wait on disk
  std::size_t entity_bytes_max = 0;            // what is kept for who investigates; 0: nothing
  DecodeLimits decode;
  RecordFilter filter;
};

// How long a kind's records may still come after newer ones.
struct Lateness {
  std::array<TimeMs, log_kinds.size()> of{60 * minute_ms, 30 * minute_ms, 15 * minute_ms, 15 * minute_ms};
  std::map<std::string, TimeMs, std::less<>> of_source;  // that has its own, by its name
  // Of a stream (named SOURCE/KIND/ACCOUNT/REGION).
  TimeMs of_stream(std::string_view stream, LogKind kind) const;
  // The longest that records of each kind may take.
  std::array<TimeMs, log_kinds.size()> longest() const;
};

// One object of an epoch.
struct EpochObject {
  ObjectInfo info;
  std::uint64_t sequence = 0;  // in the input log
  std::string stream;  // source, account, Region and kind as far as the key tells: whose watermark it moves
  TimeMs lower_bound = 0;            // no record of it is expected to be older
  std::uint64_t records_before = 0;  // of the same growing file: positions count on from there
  // Opens the bytes; called on a worker thread.
  std::function<Result<std::unique_ptr<ByteSource>>()> open;
  // Set when it was read before and only what was set aside is to be evaluated. The ledger of a refusal is
  // that of a skipped object, with the reason, and counts nowhere.
  std::shared_ptr<const ReadAgain> again;
};

struct StreamProgress {
  LogKind kind = LogKind::cloudtrail;
  TimeMs advanced = 0;  // by finished objects
  TimeMs released = 0;  // by control records (silence, end of a scan)
  template <class Ar>
  void io(Ar& ar) {
    ar(kind, advanced, released);
  }
};

// What the caller knows of objects in the input log that no epoch has had yet: per stream the least lower
// bound.
using PendingBounds = std::map<std::string, TimeMs>;

struct EpochResult {
  std::vector<AggregatedFinding> updated;
  std::vector<std::string> retracted;
  std::vector<AggregatedFinding> signals;  // refused attempts that came or changed
  std::vector<ObjectLedger> objects;
};

struct EvictionCounts {
  std::uint64_t identities = 0, ordered_rows = 0, facts = 0;
  std::uint64_t norms = 0;                       // principals and values whose normal was forgotten
  std::map<std::string, std::uint64_t> windows;  // by detector
  Sequences::Counts sequences;
  HostLearner::Evicted hosts;
  std::uint64_t entities = 0;
  std::uint64_t total() const;
  template <class Ar>
  void io(Ar& ar) {
    ar(identities, ordered_rows, facts, norms, windows, sequences, hosts, entities);
  }
};

// Detections that were left out by rule, not by judgement: shown, so that trust and ownership hide nothing
// silently.
struct LeftOut {
  std::uint64_t trusted = 0;          // the far end is on a trusted list
  std::uint64_t not_an_instance = 0;  // the interface belongs to a NAT gateway, load balancer, endpoint, …
  template <class Ar>
  void io(Ar& ar) {
    ar(trusted, not_an_instance);
  }
};

class Engine {
 public:
  // `rules`, if any, answers with indexes of `detectors`.
  Engine(std::span<const Detector* const> detectors, std::shared_ptr<const IntelIndex> intel,
         Lateness lateness, EngineLimits limits, unsigned threads,
         std::shared_ptr<const RecordMatcher> rules = nullptr);
  ~Engine();

  EpochResult run_epoch(std::span<const EpochObject> objects, const PendingBounds& pending);
  // An object of this key is in the input log and an epoch will have it.
  void announce(const ObjectInfo& info) { claims_.note(info.account, info.region, flow_log_id(info.key)); }
  // What changes is told by the next epoch that may: for who looks at the end only.
  void hold_changes(bool hold) { holds_changes_ = hold; }
  // Ordered rows that have to wait are judged provisionally besides: for who watches. Before the first epoch.
  void judge_ahead() { ahead_ = true; }
  // Control record: nothing older than `time` will come on the streams (of `stream`, or of all when empty).
  void release(const std::string& stream, TimeMs time);
  // Control record: what was made before `time` is there, or will not come any more.
  void tell_time(TimeMs time) { visibility_.tell_time(time); }
  // Control record: a fault of a digest chain, told once however often it comes.
  void tell_fault(const Gap& fault) { visibility_.tell_fault(fault); }
  // Control record: other modes of rules from the next epoch on.
  void use_rule_modes(std::shared_ptr<const RuleModes> modes);
  // Control record: these are picket's own calls, from the next epoch on.
  void use_own_calls(OwnCalls calls) { own_calls_ = std::move(calls); }
  // Control record: other indicators from the next epoch on.
  void use_intel(std::shared_ptr<const IntelIndex> intel);
  // Where rows wait that memory has no room for; otherwise the system's folder for large temporary files.
  void spill_to(std::string folder) { spill_folder_ = std::move(folder); }
  // What the facts tell of instances and clusters; from any thread, also while an epoch runs.
  std::vector<ResourceFact> resources() const;
  Facts& facts() { return facts_; }
  const Facts& facts() const { return facts_; }
  // What is known of whom; from any thread, also while an epoch runs.
  const Entities& entities() const { return entities_; }
  // What a principal of CloudTrail does; from any thread too.
  UsualBehaviour usual(std::string_view account, std::string_view principal, Day day) const;

  // Key of an object whose hash a finding's proof names; empty when it is not known any more.
  std::string object_key(std::uint64_t object) const;
  std::unordered_set<std::uint64_t> named_objects() const { return aggregator_.named_objects(); }
  const LedgerTotals& ledger() const { return ledger_; }
  const Usage& usage() const { return usage_; }
  const EvictionCounts& evictions() const { return evictions_; }
  // Until then learned detectors raise nothing, from then on they do: what came before is their training.
  void learn_until(TimeMs until) {
    for (Learner& learner : learners_) learner.learn_until(until);
  }
  // Judges each week by all others that were learned; learns no more.
  void judge_in_retrospect() {
    constexpr Day week = 7;
    for (Learner& learner : learners_) learner.norms().judge_in_retrospect(week);
  }
  // What is normal for those who call AWS, or the API of clusters.
  Rarity& norms(LogKind log) { return learners_[log == LogKind::k8saudit ? 1 : 0].norms(); }
  const Rarity& norms(LogKind log) const { return learners_[log == LogKind::k8saudit ? 1 : 0].norms(); }
  const LeftOut& left_out() const { return left_out_; }
  // Records that rules in DRY_RUN would have raised something for.
  const DryRunCounts& dry_run_counts() const { return dry_run_counts_; }
  // Accounts and Regions whose logs were read, as their objects' keys or sources name them, with the first
  // event.
  const std::map<std::pair<std::string, std::string>, TimeMs>& places() const { return places_; }
  const std::map<std::string, StreamProgress>& streams() const { return streams_; }
  TimeMs watermark(LogKind kind) const { return watermark_[static_cast<std::size_t>(kind)]; }
  std::span<const Detector* const> detectors() const { return detectors_; }
  std::uint64_t epoch() const { return epoch_; }

  // State to bytes, in sections with length and checksum; load refuses what save did not write. Sections of
  // another form and detectors of another version start empty: it answers which, normally none.
  // `alone`: on this thread only, as a side process must.
  std::string save(bool alone = false) const;
  // Descriptors that save() reads from.
  std::vector<int> open_files() const;
  Result<std::string> load(std::string_view bytes);
  // Without state: the next epoch is epoch + 1.
  void start_at(std::uint64_t epoch) { epoch_ = epoch; }

 private:
  struct Epoch {
    std::span<const EpochObject> objects;
    std::vector<ObjectOutput> outputs;  // by object
    Duplicates duplicates;
  };
  void claim_minutes(std::span<const EpochObject> objects);
  // Every object, by all workers; what else they collect is in outputs_.
  std::vector<ObjectOutput> read(std::span<const EpochObject> objects);
  void learn_facts(std::span<const ObjectOutput> objects);
  // `beside` runs on one of the threads meanwhile.
  Duplicates find_duplicates(std::vector<ObjectOutput>& objects, const std::function<void()>& beside);
  // What needs no order of time.
  void take_detections(const Epoch& epoch);
  void take(const Detection& detection);
  void count_dry_runs(const DryRunHits& found, const Duplicates& duplicates);
  // One worker's rows by partition.
  using DealtRows = std::array<std::vector<OrderedRow*>, partition_count>;
  std::vector<DealtRows> deal_rows(const Epoch& epoch);
  // What learns, and what waits for windows to end or for its place in the order of time.
  void take_turns(Epoch& epoch);
  void take_turn(PartitionOutput& turn);
  TimeMs early_rows(const PartitionTime& time) const;
  void spill_rows();
  void move_watermarks(std::span<const EpochObject> objects, const std::vector<ObjectOutput>& outputs,
                       const PendingBounds& pending);
  void remember_keys(std::span<const EpochObject> objects);
  // Duplicates that are all of one finding.
  struct Copies {
    Detection of;
    std::vector<ProofRecord> records;
  };
  void add_hits(ToldHits hits, std::vector<Copies>& copies);
  // Fills in what facts know of the subject; false when the detection is left out.
  bool admit(Detection& detection);
  void count_calls(const Epoch& epoch);
  std::vector<HostTally> tell_hosts();
  void count_hosts(std::span<const HostTally> hosts);
  // Which are all of the learner's log.
  Learner::Output judge_behaviours(Learner& learner, std::vector<PackedBehaviour>& behaviours);
  void take_activities(DailyActivities& activities);
  void take_incidents(Learner::Output& output);
  void take_signals(const Duplicates& duplicates);
  void judge_sequences();
  void judge_visibility(Epoch& epoch, const EvictionCounts& before);
  EpochResult tell(Epoch& epoch);
  void keep_key(const Detection& detection);
  void keep_key(std::uint64_t object);
  struct Section;
  static Section partitions_from(std::size_t first);
  static const std::vector<Section>& sections();

  std::span<const Detector* const> detectors_;
  std::vector<std::uint64_t> names_;  // of the detectors, by hash
  std::shared_ptr<const IntelIndex> intel_;
  const std::shared_ptr<const RecordMatcher> rules_;
  std::shared_ptr<const RuleModes> modes_ = std::make_shared<const RuleModes>();
  OwnCalls own_calls_;
  const Lateness lateness_;
  const EngineLimits limits_;
  TriggerIndex triggers_;
  mutable Workers workers_;
  std::vector<WorkerOutput> outputs_;  // by worker
  std::array<IdentityShard, identity_shards> identities_;
  std::vector<Partition> partitions_;
  std::string spill_folder_;
  bool spill_failed_ = false;  // rows that should wait on disk are judged early
  Aggregator aggregator_;
  Sequences sequences_;
  HostLearner hosts_;
  Visibility visibility_;
  mutable std::mutex learners_mutex_;  // held to change them, and by usual()
  std::array<Learner, 2> learners_;    // of CloudTrail, of audit logs
  Entities entities_;
  bool ahead_ = false, holds_changes_ = false;
  std::int64_t hosts_told_ = 0;  // hour of the flow logs' watermark when hosts' days were last told
  FlowClaims claims_;
  mutable std::mutex facts_mutex_;  // held to change the facts, and by resources()
  Facts facts_;
  std::map<std::string, StreamProgress> streams_;
  std::array<TimeMs, log_kinds.size()> watermark_{};
  LedgerTotals ledger_;
  Usage usage_;
  EvictionCounts evictions_;
  LeftOut left_out_;
  DryRunCounts dry_run_counts_;
  std::map<std::pair<std::string, std::string>, TimeMs> places_;
  // Names of objects: recent ones, and for good those a finding's proof points at.
  std::map<std::uint64_t, std::string> kept_keys_;
  std::map<std::uint64_t, std::string> recent_keys_;
  std::vector<std::uint64_t> recent_order_;  // a ring
  std::size_t recent_next_ = 0;
  std::uint64_t epoch_ = 0;
};

}  // namespace picket
