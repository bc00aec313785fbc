// One object on one worker: its events meet enrichment and the detectors that want them. What comes out
// waits, per worker, for the end of the epoch; nothing here depends on other objects or threads.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "decode/decoder.h"
#include "engine/aggregate.h"
#include "engine/behaviours.h"
#include "engine/detector.h"
#include "engine/flow_claims.h"
#include "engine/host_learner.h"
#include "engine/ordered_row.h"
#include "engine/own_calls.h"
#include "engine/query_tallies.h"
#include "engine/record_matcher.h"
#include "engine/rule_hits.h"
#include "engine/rule_modes.h"
#include "engine/signal_rows.h"
#include "engine/trigger_index.h"
#include "engine/visibility.h"
#include "enrich/intel.h"
#include "ledger/object_ledger.h"
#include "state/facts.h"

namespace picket {

// One entity in one window of one detector.
struct WindowKey {
  std::uint16_t detector = 0;
  std::uint64_t entity = 0;  // by hash, which no other detector's entity has
  TimeMs start = 0;
  auto operator<=>(const WindowKey&) const = default;
  // Tells one window from all others, whatever numbers the detectors have.
  std::uint64_t hash() const { return hash_mix(entity, static_cast<std::uint64_t>(start)); }
  template <class Ar>
  void io(Ar& ar) {
    ar(detector, entity, start);
  }
};
struct WindowKeyHash {
  using is_avalanching = void;
  std::size_t operator()(const WindowKey& key) const { return key.hash(); }
};
// Where a window's records came from; shared by all windows of a run of records.
struct Place {
  std::string account, region;
};
struct WindowEntry {
  std::unique_ptr<WindowState> state;
  std::shared_ptr<const Place> place;
  std::uint32_t records = 0;  // added to the state
};
using WindowTable = boost::unordered_flat_map<WindowKey, WindowEntry, WindowKeyHash>;

constexpr std::size_t partition_count = 64;  // fixed: entities must not move
constexpr std::size_t partition_of(std::uint64_t hash) { return (hash >> 32U) % partition_count; }

// A detection of a log whose records may come twice, and a row of an ordered detector: kept with their record
// until the duplicates of the epoch are known.
struct PendingDetection {
  std::unique_ptr<Detection> detection;  // a kilobyte: moved about by pointer
  std::uint32_t object_index = 0;
  std::uint64_t position = 0;
  bool dry_run = false;  // only counted
};
// Records that rules of users hit which are only counted. Of logs whose records may come twice each is kept
// until the duplicates of the epoch are known.
struct DryRunHits {
  struct Hit {
    std::uint64_t position = 0;  // in the object
    std::uint32_t object_index = 0;
    std::uint32_t place = 0;
    std::uint16_t detector = 0;
  };
  std::map<std::pair<std::string, std::string>, std::uint32_t>
      places;  // account and Region, numbered as they come
  std::vector<Hit> hits;
  boost::unordered_flat_map<std::uint64_t, std::uint64_t>
      counts;  // by detector and place; of flows and queries
};
struct PendingRow {
  OrderedRow row;
  std::uint32_t object_index = 0;
  std::uint64_t position = 0;
};

// The identity of a record that S3 or two trails may deliver twice.
struct RecordIdentity {
  std::uint64_t id = 0;
  std::int32_t hour = 0;  // of its event time, since 1970
  std::uint32_t position = 0;
};
constexpr std::size_t identity_shards = 16;

// What one object left behind besides the worker's tables.
struct ObjectOutput {
  ObjectLedger ledger;
  std::array<std::vector<RecordIdentity>, identity_shards> identities;
  PlaceMarks marks;
  std::vector<TallyMark> tally_marks;
  unsigned worker = 0;
};

// What one worker collected in an epoch.
struct WorkerOutput {
  std::vector<PendingDetection> pending;
  RuleHits rule_hits;
  DryRunHits dry_runs;
  std::vector<PendingRow> rows;
  RowTexts row_texts;
  DailyActivities activities;  // of flow and DNS records
  std::array<WindowTable, partition_count> windows;
  HostDayTable host_days;
  RiskyCalls risky_calls;
  IssuedKeys issued_keys;
  Behaviours behaviours;  // remembers over epochs what it told
  QueryTallies queries;
  FactRows fact_rows;
  std::unordered_map<std::uint64_t, InterfaceSighting> interfaces;  // by hash of the interface id
  Sightings sightings;
  void clear();
};

// What the user's flags leave out: counted as filtered, never evaluated.
struct RecordFilter {
  std::optional<TimeMs> from, to;  // event time in [from, to)
  std::string account;             // only this one; empty = all
  bool active() const { return from || to || !account.empty(); }
  // Why a record is left out; empty when it is not.
  std::string_view reason(TimeMs time, std::string_view record_account) const {
    if ((from && time < *from) || (to && time >= *to)) return "outside_time_range";
    if (!account.empty() && record_account != account) return "other_account";
    return {};
  }
};

// Read-only for all workers during an epoch.
struct EpochTables {
  std::span<const Detector* const> detectors;
  std::span<const std::uint64_t> names;  // of the detectors, by hash
  const TriggerIndex* triggers = nullptr;
  const IntelIndex* intel = nullptr;
  std::array<TimeMs, log_kinds.size()> watermark{};  // of each kind at the epoch's start
  RecordFilter filter;
  const FlowClaims* claims = nullptr;
  const RecordMatcher* rules = nullptr;  // may be absent
  const RuleModes* modes = nullptr;
  bool learns_hosts = false;  // some detector judges host-days
  bool watches = false;       // some detector judges gaps
  bool counts = false;        // for who investigates
  const OwnCalls* own_calls = nullptr;
};

// The subject's account and Region are the object's when its record has none.
Subject placed_in(const ObjectInfo& info, Subject subject);
Detection detection_of(std::span<const Detector* const> detectors, std::uint16_t detector, Evidence evidence,
                       Subject subject, const ProofRecord& record, std::span<const IntelHit> hits);

class ObjectRun final : public EventSink {
 public:
  // `records_before`: of the same growing file; positions count on from there.
  ObjectRun(const EpochTables& tables, const ObjectInfo& info, std::uint32_t object_index,
            std::uint64_t records_before, WorkerOutput& out, ObjectOutput& object);

  void on_cloudtrail(const CloudTrailEvent& event, std::uint64_t position) override;
  void on_flows(std::span<const FlowRecord> records) override;
  void on_flow_gap(std::string_view account_id, std::string_view interface_id, bool skip_data, TimeMs start,
                   TimeMs end, std::uint64_t position) override;
  void on_dns(const DnsQuery& query, std::uint64_t position) override;
  void on_audit(const AuditEvent& event, std::uint64_t position) override;
  void on_owner(std::string_view account_id) override { info_.account = account_id; }
  void on_filtered(LogKind kind, std::uint64_t position, std::string_view reason) override;
  void on_quarantined(LogKind kind, const Quarantined& record) override;

  // Takes over what the decoder reports in the end.
  void finish(const DecodeReport& report);

 private:
  struct InterfaceCache;
  void saw(LogKind kind, TimeMs time);
  void mark(std::string_view account, std::string_view region, TimeMs time, std::uint64_t position);
  bool is_foreign(const CloudTrailEvent& event, std::uint64_t position);
  void reached(std::uint64_t position);
  bool left_out(TimeMs time, std::string_view account);
  void leave_out(std::string_view reason);
  void take_flows(std::span<const FlowRecord> records);
  // The counters of the account and Region that a record is of.
  ObjectLedger::Share& share_of(std::string_view account, std::string_view region);
  IntelPlace place_of(const Context& context) const;
  void identify(std::uint64_t id, TimeMs time, std::uint64_t position);
  Subject placed(Subject subject) const;
  Detection make_detection(std::uint16_t detector, Evidence evidence, Subject subject,
                           const ProofRecord& record, std::span<const IntelHit> hits) const {
    return detection_of(tables_.detectors, detector, std::move(evidence), placed(std::move(subject)), record,
                        hits);
  }
  void fold(Detection detection);
  void raise(const CloudTrailEvent& event, std::uint64_t position, std::uint16_t detector, Evidence evidence,
             std::span<const IntelHit> hits, bool dry_run = false);
  void raise(const AuditEvent& event, std::uint64_t position, std::uint16_t detector, Evidence evidence,
             std::span<const IntelHit> hits, bool dry_run = false);
  void raise(const FlowRecord& flow, std::uint16_t detector, Evidence evidence);
  void raise(const DnsQuery& query, std::uint64_t position, std::uint16_t detector, Evidence evidence,
             std::span<const IntelHit> hits);
  bool is_ordered(std::uint16_t detector) const;
  RuleMode mode_of(std::uint16_t detector, const Context& context, TimeMs time) const;
  // What the rules say of a record, in hits_.
  template <class Event>
  std::span<const RuleHit> rule_hits(LogKind log, const Event& event);
  void take_hits(const CloudTrailEvent& event, Caller& caller, const Context& context,
                 std::uint64_t position);
  void take_hits(const AuditEvent& event, const Context& context, std::uint64_t position);
  std::uint32_t dry_run_place(std::string_view account, std::string_view region);
  // The hits of rules that tell issues apart by the same keys together: take(hits, keys). The record is put
  // down before.
  template <class Take>
  void take_plain_hits(const ProofRecord& record, std::uint64_t position, Take take);
  // The number of the issue of the record that was put down last.
  std::uint32_t number_of(const CloudTrailEvent& event, Caller& caller, std::span<const IssueKey> keys);
  std::uint32_t number_of(const Subject& subject, std::span<const IssueKey> keys);
  std::uint32_t number_of_issue(std::string_view account, std::string_view region,
                                const std::optional<IpAddress>& remote_ip);
  Evidence evidence_of(LogKind log, const RuleHit& hit) const;
  void sight(const FlowRecord& flow);
  void match_answers(const DnsQuery& query, Context& context);
  void on_listed_flow(const FlowRecord& flow, bool source);
  static WindowState& window_state(void* self, const WindowLogic& logic, std::uint64_t entity, TimeMs start);
  static void window_touched(void* self, const FlowRecord& flow);

  const EpochTables& tables_;
  ObjectInfo info_;
  const std::uint32_t object_index_;
  const std::uint64_t records_before_;
  const std::uint64_t object_;  // hash of the key
  WorkerOutput& out_;
  ObjectOutput& result_;
  // Set when another flow log may tell the same: the id of this object's own.
  std::string_view overlapping_flow_log_;
  TimeSampler times_;
  std::vector<RuleHit> hits_, plain_hits_;
  std::string issue_;                   // of the record at hand
  std::vector<IntelHit> scoped_hits_;   // backs Context::hits of the record at hand
  std::uint16_t current_detector_ = 0;  // whose window is being filled
  std::string_view current_account_;
  std::shared_ptr<const Place> place_;  // of the latest window
  std::pair<const std::pair<std::string, std::string>, ObjectLedger::Share>* last_share_ = nullptr;
  InterfaceSighting* last_sighting_ = nullptr;  // of the previous record: flow logs come in runs
  std::pair<const std::pair<std::string, std::string>, SlotMarks>* last_marks_ = nullptr;
  std::string delivered_for_;  // account whose prefix of CloudTrail's own the object lies under; empty: none
};

}  // namespace picket
