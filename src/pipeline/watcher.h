// Finds what is new under watched paths: new files, changed files, and files that grew. A file is taken when
// it has been quiet for a moment; of a growing text file only complete lines are.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/workers.h"
#include "pipeline/planner.h"
#include "pipeline/runner.h"
#include "source/file_source.h"

namespace picket {

struct WatchSource {
  std::string path;
  SourceSettings settings;
};

class Watcher {
 public:
  explicit Watcher(std::vector<WatchSource> sources)
      : sources_(std::move(sources)), memories_(sources_.size()) {}

  // Manifests of what is new since `known`, in the planner's order. `now_ns`: wall clock, to tell quiet files
  // from files being written; nothing of it enters a result but which epoch a file falls into. Not `all`:
  // only of folders in which something came, went or was written lately.
  std::vector<Manifest> poll(const std::map<std::string, KnownFile>& known, std::int64_t now_ns, bool all,
                             Workers& workers);
  // Files that the last poll left, or the last line of which it left, for a later one: they are being
  // written.
  std::size_t unquiet() const { return unquiet_; }
  // How long the last poll took to list and compare, without the planning of what was new.
  std::chrono::steady_clock::duration look_time() const { return look_time_; }
  // Paths that could not be listed at the last poll of all.
  const PathFailures& failures() const { return failures_; }

 private:
  static constexpr std::int64_t quiet_ns = 300'000'000;
  static constexpr std::int64_t abandoned_ns = 30'000'000'000;  // an unfinished last line is taken after this
  std::vector<WatchSource> sources_;
  std::vector<FolderMemory> memories_;  // of each source
  PathFailures failures_;
  std::size_t unquiet_ = 0;
  std::chrono::steady_clock::duration look_time_{};
};

}  // namespace picket
