// What tells that a file was changed or replaced, without reading it.
#pragma once

#include <sys/stat.h>

#include <filesystem>

namespace picket {

struct FileStamp {
  long long inode = 0, size = 0, seconds = 0, nanoseconds = 0;
  bool operator==(const FileStamp&) const = default;

  // All zero for a file that is not there.
  static FileStamp of(const std::filesystem::path& file) {
    struct stat status{};
    if (::stat(file.c_str(), &status) != 0) return {};
    return {static_cast<long long>(status.st_ino), status.st_size, status.st_mtim.tv_sec,
            status.st_mtim.tv_nsec};
  }
};

}  // namespace picket
