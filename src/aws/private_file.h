// Files that hold secrets: mode 0600, replaced as a whole.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace picket::aws {

// The whole file; an absent one reads as empty. One that group or others may read is refused.
Result<std::string> read_private(const std::filesystem::path& file);
// A reader sees the old text or the new one; durable when it returns.
Result<void> write_private(const std::filesystem::path& file, std::string_view text);
Result<std::string> random_bytes(std::size_t length);

// Held by one process at a time, until it goes out of scope.
class FolderLock {
 public:
  static Result<FolderLock> take(const std::filesystem::path& folder, std::string_view name);
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace picket::aws
