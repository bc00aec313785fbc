// Where the input log is kept. Narrow on purpose: a broker stands behind the same calls in a cluster.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "log/entry.h"

namespace picket {

class InputLog {
 public:
  virtual ~InputLog() = default;
  // Durable when it returns; all of them or, after a crash, a prefix.
  virtual Result<void> append(std::span<const LogEntry> entries) = 0;
  // Every entry from `segment` on, in order.
  virtual Result<std::vector<LogEntry>> read(std::uint64_t segment) = 0;
  // Begins a new segment and returns its number.
  virtual Result<std::uint64_t> cut_segment() = 0;
  // Removes the segments before this one: a snapshot covers them.
  virtual void forget_before(std::uint64_t segment) = 0;
};

// Keeps nothing: for scans, which end with their process.
std::unique_ptr<InputLog> memory_log();

// Files DIR/input-N.log of checksummed records. A torn end (the process died while writing) is cut off at
// open.
Result<std::unique_ptr<InputLog>> open_file_log(const std::string& folder);

}  // namespace picket
