// What was pushed to picket and cannot be asked for again: each batch lies on disk before its sender is
// answered, enters the input log as one object or a few, and goes to the archive, if there is one, when both
// kept snapshots cover it. A batch is there as a whole or not at all, whenever the process dies. Any number
// of threads may put.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "decode/decoder.h"
#include "source/intake.h"
#include "source/pushed_archive.h"
#include "source/pushed_file.h"

namespace picket {

class Inbox {
 public:
  // Senders repeat a request for hours at most (Firehose: 7,200 s), so that after a day it is none.
  static constexpr TimeMs repeats_known = day_ms;
  static constexpr std::string_view scheme = "pushed://";

  // `bytes_max`: of one source on disk. The archive, which may be nullptr, outlives the inbox.
  Inbox(std::string folder, std::uint64_t bytes_max, std::function<TimeMs()> wall_clock,
        PushedArchive* archive = nullptr);

  // Manifests name objects so.
  static std::string path_of(std::string_view source, std::string_view key);
  std::string file_of(std::string_view path, std::uint64_t batch) const;
  Result<std::unique_ptr<ByteSource>> open(const std::string& path, std::uint64_t batch) const;
  // By the key alone, as findings name objects: here or in the archive.
  std::optional<StoredPush> find(std::string_view key) const;

  // Of manifests that earlier runs logged; before recover().
  void know(std::string_view path, std::uint64_t batch, TimeMs received);
  // Takes up what earlier runs stored; answers the objects that no manifest names yet.
  Result<std::vector<PushedObject>> recover();
  // Files that recover() could not read; they stay where they are.
  const std::vector<std::string>& damaged() const { return damaged_; }

  enum class Outcome : std::uint8_t { stored, repeated };
  // Durable when it returns. `name` tells batches of a source apart, with their content; of letters, digits,
  // "-",
  // "." and "/".
  Result<Outcome> put(const std::string& source, const std::string& name, std::vector<PushedPart> parts);
  // Putting has to wait for a snapshot.
  bool full(const std::string& source) const;

  // What no manifest names yet.
  std::vector<PushedObject> take();
  // Its file is there: what is known of it must stay known.
  bool holds(const std::string& path, std::uint64_t batch) const;
  bool empty() const;  // nothing to take
  enum class Use : std::uint8_t {
    none,
    set_aside,  // by the quarantine, from which it may be read again: kept as far as there is room beside
    unread,     // waits for an epoch
  };
  // A snapshot is begun that covers all that was taken, and that of `epoch` is there.
  void covering(const std::function<Use(const std::string& path)>& use_of);
  void covered(std::uint64_t epoch);
  // A source holds so much that only snapshots make room.
  bool wants_snapshot() const;
  std::uint64_t bytes(const std::string& source) const;

 private:
  Result<void> write(const std::string& source, std::uint64_t batch, std::vector<PushedObject>& objects,
                     const std::vector<PushedPart>& parts) const;
  struct Taken {
    PushedObject object;
    std::uint64_t covered_at = 0;  // epoch of the first snapshot that covers it
    bool aside = false;            // counted in aside_bytes_
  };

  const std::string folder_;
  const std::uint64_t bytes_max_;
  const std::function<TimeMs()> wall_clock_;
  PushedArchive* const archive_;
  mutable std::mutex mutex_;
  std::vector<PushedObject> ready_;
  std::map<std::string, Taken> taken_;                // by file
  std::map<std::string, Use> covering_;               // by file: by the snapshot that was begun
  std::unordered_map<std::uint64_t, TimeMs> known_;   // objects by path and batch, and when they came
  std::map<std::string, std::uint64_t> aside_bytes_;  // by source: of what the quarantine holds
  std::map<std::string, std::uint64_t> bytes_;        // by source
  std::vector<std::string> damaged_;
  // Batches that are being put: a repetition waits for the first, others are written beside it.
  std::set<std::uint64_t> putting_;
  std::condition_variable put_;
};

}  // namespace picket
