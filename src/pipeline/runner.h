// Runs the engine over the input log: takes manifests, cuts epochs, hands what changed to the sink, saves
// snapshots, and after a crash reads on from the last one. `scan` and `serve` differ only in what they feed
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/side_process.h"
#include "engine/engine.h"
#include "log/input_log.h"
#include "pipeline/manifest_queue.h"
#include "pipeline/quarantine.h"

namespace picket {

// What is known of a file that manifests have named, to tell new, grown and changed ones apart.
struct KnownFile {
  std::uint64_t device = 0, inode = 0, size = 0, head_hash = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t consumed = 0;  // bytes that manifests cover
  std::uint64_t records = 0;   // in them, as far as epochs have read
  template <class Ar>
  void io(Ar& ar) {
    ar(device, inode, size, head_hash, modified_ns, consumed, records);
  }
};

// What became of the objects of one source.
struct SourceTotals {
  KindTotals read;
  std::uint64_t skipped = 0;  // no logs
  void add(const ObjectLedger& object);
  void take_back(const ObjectLedger& object) { read.take_back(object); }
  template <class Ar>
  void io(Ar& ar) {
    ar(read, skipped);
  }
};

// Opens an object that is no local file.
using ObjectOpener = std::function<Result<std::unique_ptr<ByteSource>>(const Manifest& manifest)>;

struct RunnerSettings {
  // An epoch ends at whichever comes first. Less than 64 MiB: the windows that flow
  // records open stay with their workers until an epoch's end, and 64 MiB of packed flow logs open some 200
  // MB of them.
  std::uint64_t epoch_bytes_max = 24ULL << 20;
  std::size_t epoch_objects_max = 4096;
  // When a stream has no objects left it is released to the end of time: a scan knows that nothing follows.
  bool release_drained = false;
  std::string snapshot_folder;                  // empty: no snapshots
  std::uint64_t snapshot_bytes = 256ULL << 20;  // of input between two snapshots
  ObjectOpener open_remote;                     // for paths that are URLs
  bool remember_files = true;                   // false: each is named once, whole (a scan)
};

// Called after every epoch, before a snapshot may cover it; after an error it is called with the same again
// before the next epoch or snapshot.
// What an epoch brought; the sink may take it for its own.
using EpochSink = std::function<Result<void>(std::uint64_t epoch, EpochResult& result)>;

// Makes a control record's state the one in effect, from the next epoch on. It may depend on the record
// alone, and on files that the record names by the hash of their content.
using ControlSink = std::function<Result<void>(const Control& control)>;

class Runner {
 public:
  Runner(Engine& engine, InputLog& log, RunnerSettings settings, EpochSink sink, ControlSink controls = {});

  struct Recovery {
    std::uint64_t epochs_replayed = 0;
    std::vector<std::string> warnings;  // snapshots that could not be used, and what that means
  };
  // Loads the newest good snapshot and replays the log behind it.
  Result<Recovery> recover();

  // Logs the manifests (in the given order) and the releases; they are processed by run_epoch.
  Result<void> submit(std::vector<Manifest> manifests);
  Result<void> submit(ManifestQueue manifests);
  // Reads an object of the quarantine again, as `manifest` now says; unknown ids change nothing.
  Result<void> redrive(std::uint64_t id, Manifest manifest);
  Result<void> release(const std::string& stream, TimeMs time);
  Result<void> control(Control control);
  // The bodies of the control records in effect, by kind.
  const std::map<std::string, std::string>& controls() const { return controls_; }
  // While the controls of a snapshot take effect: whether the engine has its state of then, and so what they
  // did to it.
  bool restored() const { return restored_; }
  // One epoch over the next objects; without any, only what was released takes effect.
  Result<EpochResult> run_epoch();
  // A snapshot of things as they are now. `save_snapshot` returns when it is written. `begin_snapshot` leaves
  // that to a side process, so that epochs need not wait: while `saving`, and `snapshot_ended` tells once
  // what became of it. Where there can be no side process, it does as `save_snapshot`. One at a time.
  Result<void> save_snapshot();
  Result<void> begin_snapshot();
  bool saving() const { return saving_.has_value(); }
  std::optional<Result<void>> snapshot_ended();
  Result<void> wait_for_snapshot();
  bool snapshot_due() const { return !saving_ && bytes_since_snapshot_ >= settings_.snapshot_bytes; }
  std::uint64_t bytes_since_snapshot() const { return bytes_since_snapshot_; }

  bool idle() const { return pending_.empty(); }
  std::size_t pending() const { return pending_.size(); }
  std::uint64_t bytes_pending() const { return bytes_pending_; }
  const std::map<std::string, KnownFile>& files() const { return files_; }
  const std::map<std::string, SourceTotals>& sources() const { return sources_; }  // by name
  const ManifestQueue& waiting() const { return pending_; }
  const Quarantine& quarantine() const { return quarantine_; }
  bool redriving(std::uint64_t id) const;  // it waits for its turn
  // Nothing will name these files again: what is known of them goes.
  void forget_files(const std::function<bool(const std::string& path, const KnownFile& file)>& done) {
    std::erase_if(files_, [&](const auto& file) { return done(file.first, file.second); });
  }

 private:
  void take_in(const Manifest& manifest);
  void take_in(const Redrive& redrive);
  void wait_for_turn(const Manifest& manifest);
  Result<void> take_effect(const Control& control);
  Result<EpochResult> run(std::vector<Manifest> manifests);
  Result<void> sink_unsaved();
  // What is being saved.
  struct Saving {
    std::string path;
    std::uint64_t segment = 0, previous_segment = 0;  // of the log, if it fails
    std::uint64_t bytes = 0;                          // of input that it covers, behind the one before
    std::optional<SideProcess> by;                    // absent: this one
  };
  Result<void> cut_snapshot();
  Result<void> write_snapshot(bool alone) const;
  Result<void> end_snapshot(Result<void> written);
  PendingBounds bounds() const;
  std::string save(bool alone) const;
  Result<std::optional<std::string>> load(std::string_view bytes);

  Engine& engine_;
  InputLog& log_;
  const RunnerSettings settings_;
  const EpochSink sink_;
  const ControlSink control_sink_;
  std::uint64_t next_sequence_ = 1;
  ManifestQueue pending_;
  std::uint64_t bytes_pending_ = 0;
  std::map<std::string, LowerBounds> bounds_;  // of pending objects, by stream
  std::set<std::string> drained_;
  std::map<std::string, KnownFile> files_;  // by path
  std::map<std::string, SourceTotals> sources_;
  std::map<std::string, std::string> controls_;
  bool restored_ = false;
  Quarantine quarantine_;
  std::map<std::uint64_t, std::uint64_t> redrives_;  // of pending objects: number -> id in the quarantine
  std::uint64_t segment_ = 0;                        // of the log, that begins behind the last snapshot
  std::uint64_t previous_segment_ = 0;               // behind the snapshot before it
  std::uint64_t bytes_since_snapshot_ = 0;
  std::optional<Saving> saving_;
  bool in_place_ = false;  // a side process came to grief
  // Of epochs that the sink refused: it gets them again before anything else happens.
  std::optional<EpochResult> unsaved_;
};

}  // namespace picket
