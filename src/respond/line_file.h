// A file of lines that grows by one whole, synced line at a time.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace picket::respond {

class LineFile {
 public:
  explicit LineFile(std::string path) : path_(std::move(path)) {}
  // Opened anew each time, so that it may be moved away. What a crash left of a line stays a line of its own.
  // From any thread.
  Result<void> append(std::string_view line);
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  std::mutex mutex_;
};

}  // namespace picket::respond
