// The watching job: polls the sources, runs epochs over what is new, writes findings, saves snapshots, and
// goes on after a crash where the last snapshot and the input log left off. One thread runs it; others may
// ask.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/content_folder.h"
#include "pipeline/controls.h"
#include "pipeline/digest_watch.h"
#include "pipeline/finding_writer.h"
#include "pipeline/lists.h"
#include "pipeline/runner.h"
#include "pipeline/setup.h"
#include "pipeline/sources.h"
#include "pipeline/watcher.h"
#include "source/push_source.h"
#include "source/s3_source.h"

namespace picket {

// A bucket that is watched; whoever made it keeps it while Live lives.
struct WatchedBucket {
  S3Source* bucket = nullptr;
  SourceSettings settings;
};

struct LiveSettings {
  std::string data_dir;
  std::vector<WatchSource> sources;
  std::vector<WatchedBucket> buckets;
  const Spool* spool = nullptr;  // of the buckets
  // Others push to these, through the inbox; whoever made them keeps them while Live lives. There is an inbox
  // where there was one, so that what lies in it is read.
  std::vector<PushSource*> pushed;
  Inbox* inbox = nullptr;
  PushedArchive* pushed_archive = nullptr;  // the inbox's
  TimeMs poll_interval = 500;
  TimeMs snapshot_interval = 30 * second_ms;
  TimeMs retention = 90 * day_ms;
  // How long nothing must have arrived before streams of the past are taken for complete; what comes after
  // that is late. Long enough for a copy that is under way, short enough for someone who waits.
  TimeMs quiet_before_release = 5 * second_ms;
  Lateness lateness;
  bool builtin_lists = true;
  IntelSetLimits set_limits;
  // A file of `picket learn`: what is normal from the first record on. It enters the input log once, and
  // stays learned when it is no longer named.
  std::string baseline;
  // Whose lists, filters and destinations hold for every account; empty: nobody's.
  std::string administrator_of_all;
  std::shared_ptr<const respond::Rules> respond_by;  // absent: nobody
  // How often the time enters the input log, so that sources can be found silent when nothing comes at all.
  TimeMs clock_every = 10 * minute_ms;
  std::optional<DigestWatchSettings> digests;  // absent: chains are not verified
};

// A copy of what is known, for the API, metrics and the console.
struct LiveStatus {
  LedgerTotals ledger;
  EvictionCounts evictions;
  LeftOut left_out;
  DryRunCounts dry_run_counts;
  std::uint64_t findings_withdrawn = 0;  // they held no more
  std::uint64_t findings_withheld = 0;   // their detector is disabled
  std::uint64_t epoch = 0, turns = 0, pending_objects = 0, findings_written = 0, findings_refused = 0;
  std::map<std::pair<std::string, std::string>, TimeMs> seen;  // account and Region -> first event time
  std::vector<SourceReport> sources;
  std::uint64_t quarantined_objects = 0, quarantined_records = 0;  // that wait to be read again
  std::string last_error;
  std::string stalled;  // why the last look at the sources was not carried through
  TimeMs alive = 0;     // when the watching thread last went on, by the wall clock
  std::array<TimeMs, log_kinds.size()> watermark{};
  std::uint64_t snapshots = 0;
  TimeMs last_snapshot = 0, snapshot_ms = 0, snapshot_pause_ms = 0, epochs_ms = 0;
  std::optional<DigestStatus> digests;
  bool caught_up = false;  // nothing is waiting, nor being written
};

class Live {
 public:
  // `contents` keeps the content of lists; other threads may use it too.
  Live(LiveSettings settings, Setup& setup, FindingStore& store, ContentFolder& contents, Workers& workers,
       std::function<TimeMs()> wall_clock);

  Result<Runner::Recovery> start();
  // Runs until stop() was called; an error that cannot be waited out ends it.
  Result<void> run();
  void stop() { stopping_ = true; }
  LiveStatus status() const;
  // When logs of this account (empty: of any) and Region were first seen.
  std::optional<TimeMs> first_seen(std::string_view account, std::string_view region) const;
  // Accounts and Regions that logs were seen of.
  std::vector<std::pair<std::string, std::string>> places() const;
  // Instances and clusters that the logs and the inventory tell of; from any thread.
  std::shared_ptr<const std::vector<ResourceFact>> resources() const;
  std::shared_ptr<const Usage> usage() const;
  // Prometheus text of the pipeline.
  std::string metrics() const;
  // One sentence when the watching thread is stuck or at its end: a restart may help. Empty: it lives.
  std::string unhealthy() const;
  // One sentence when it cannot do its work now. Empty: it can.
  std::string not_ready() const;

 private:
  Result<bool> turn();  // whether there was work
  void publish(bool caught_up);
  Result<void> begin_snapshot();
  Result<void> note_snapshot();  // when the one that was begun is there
  Result<void> snapshot_saved();
  Result<std::vector<std::string>> start_sources();  // warnings
  void take_arrived();                               // what buckets and the inbox have
  Result<std::unique_ptr<ByteSource>> open_remote(const Manifest& manifest) const;
  Result<void> take_retries();
  Result<bool> take_faults();          // of digests; whether there were
  Result<bool> note_time(bool quiet);  // whether it was logged
  Result<void> take_effect(const Control& control);
  Result<EpochResult> run_epoch();
  std::optional<SourceSettings> source_of(const Manifest& manifest) const;
  Result<std::unique_ptr<ByteSource>> open_in_bucket(const Manifest& manifest) const;
  // What sources gave is covered by a snapshot: when one is begun, and when it is there.
  void tell_covering();
  void tell_covered();
  void trim_pushed_archive();
  void forget_pushed();
  bool wants_snapshot() const;
  std::vector<SourceReport> report_sources(TimeMs now);
  Result<GovernedAccounts> governed() const;  // as the members are now
  // What API calls changed since the last look takes effect with the next epoch.
  Result<void> note_settings();
  Result<void> use_filters(const std::string& body);
  Result<void> use_lists(const std::string& body);
  Result<void> bring_baseline();
  Result<void> use_baseline(const std::string& sha256);
  void tell_contents();  // which of `contents_` are in effect
  Result<void> release_silent();

  const LiveSettings settings_;
  Setup& setup_;
  FindingStore& store_;
  Workers& workers_;
  const std::function<TimeMs()> wall_clock_;
  Renderer renderer_;
  FindingWriter writer_;
  ContentFolder& contents_;
  std::vector<KeptList> kept_lists_;
  std::set<std::string> list_contents_;  // of the lists in effect
  std::string baseline_content_;         // of the newest baseline; empty: none
  Controls controls_;
  std::optional<std::uint64_t> noted_destinations_;                   // version of the settings
  std::map<std::string, std::vector<std::string>> control_warnings_;  // by kind
  std::unique_ptr<InputLog> log_;
  std::unique_ptr<Runner> runner_;
  std::vector<Manifest> arrived_;  // taken from buckets and the inbox, not in the input log yet
  bool spool_swept_ = false;       // of what earlier runs left
  std::unique_ptr<DigestWatch> digest_watch_;
  TimeMs next_clock_ = 0;
  TimeMs epochs_ms_ = 0, snapshot_ms_ = 0, snapshot_pause_ms_ = 0;
  std::chrono::steady_clock::time_point snapshot_begun_;
  std::uint64_t snapshot_begun_epoch_ = 0;
  std::uint64_t snapshots_ = 0;
  std::uint64_t written_quarantine_ = 0;  // version that its file tells
  bool quarantine_written_ = false;
  std::map<std::string, RateMeter> rates_;  // of sources
  TimeMs last_report_ = 0;
  Watcher watcher_;
  // To list all of a large tree takes long: a tenth of the time at most goes to it. In between only folders
  // in which something came or went are looked at.
  static constexpr int look_pause = 9;
  std::chrono::steady_clock::time_point next_look_{};
  std::map<std::pair<std::string, std::string>, TimeMs> seen_;
  std::uint64_t written_ = 0, turns_ = 0;
  TimeMs last_arrival_ = 0;        // of objects, by the wall clock
  bool release_deferred_ = false;  // a stream is to be released when it has been quiet long enough
  TimeMs last_snapshot_ = 0, last_expiry_ = 0;
  std::uint64_t snapshot_epoch_ = 0;
  std::atomic<bool> stopping_ = false, ended_ = false;
  mutable std::mutex status_mutex_;
  LiveStatus status_;
  std::shared_ptr<const Usage> usage_ = std::make_shared<Usage>();
  // Telling them takes long when there are many, so they are kept for as long as no epoch ran.
  mutable std::mutex resources_mutex_;
  mutable std::shared_ptr<const std::vector<ResourceFact>> resources_;
  mutable std::uint64_t resources_epoch_ = 0;
};

}  // namespace picket
