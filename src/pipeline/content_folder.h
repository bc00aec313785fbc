// Files named by the SHA-256 of what they hold: what control records name instead of carrying it. A file is
// kept until no snapshot and no logged record that may still be replayed names it.
#pragma once

#include <deque>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace picket {

class ContentFolder {
 public:
  explicit ContentFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Durable when it returns the hash.
  Result<std::string> keep(std::string_view content);
  // Fails when the file is absent or no longer what its name says.
  Result<std::string> read(const std::string& sha256) const;
  bool has(const std::string& sha256) const;

  // Tells what a record that took effect names, and that a snapshot was saved: what only records before the
  // oldest kept snapshot named is removed. `wanted`: named by settings that no record tells of yet.
  void named(const std::set<std::string>& hashes);
  void snapshot_saved(const std::set<std::string>& wanted);

 private:
  static constexpr std::size_t snapshots_kept = 3;  // one more than the runner keeps

  const std::filesystem::path folder_;
  std::mutex mutex_;                             // keep() of one thread against removal by another
  std::set<std::string> fresh_;                  // kept since the last removal
  std::set<std::string> in_effect_;              // by the newest record
  std::set<std::string> since_snapshot_;         // by any record since the last snapshot
  std::deque<std::set<std::string>> snapshots_;  // oldest first
};

}  // namespace picket
