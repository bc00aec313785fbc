// A lock on a folder that one process at a time holds; it goes with the process.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace picket {

// Held until it goes out of scope.
class FolderLock {
 public:
  // Waits for whoever has it.
  static Result<FolderLock> take(const std::filesystem::path& folder, std::string_view name);
  // ErrorKind::conflict, saying `held`, when another process has it.
  static Result<FolderLock> take_now(const std::filesystem::path& folder, std::string_view name,
                                     std::string held);
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  static Result<FolderLock> open(const std::filesystem::path& file);
  int fd_;
};

}  // namespace picket
