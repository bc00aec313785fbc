// Copies of a data directory: taken while a server runs, verified when they are brought back.
//
// What must agree is copied in an order that makes it agree: a snapshot first, then the findings, then the
// input log, which leads from the snapshot to findings at least as new as the copied ones; epochs that the
// findings have already are not written twice. Should the server meanwhile have dropped a part of the log
// that the copied snapshot needs, the copy starts over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace picket {

struct BackupReport {
  std::uint64_t files = 0, bytes = 0;
  std::string version;  // of the picket that made it
  std::string time;
};

// `to` must not exist. Its files can be read by their owner only: keys are among them.
Result<BackupReport> make_backup(const std::filesystem::path& data_dir, const std::filesystem::path& to,
                                 const std::string& version);

// Checks that every file is there as it was written, and that this version can read it.
Result<BackupReport> check_backup(const std::filesystem::path& backup, const std::string& version);

// `data_dir` must not exist, or be empty.
Result<BackupReport> restore_backup(const std::filesystem::path& backup,
                                    const std::filesystem::path& data_dir, const std::string& version);

}  // namespace picket
