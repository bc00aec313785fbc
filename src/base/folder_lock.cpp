#include "base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace picket {

namespace {

std::unexpected<Error> io_error(std::string_view what, const std::filesystem::path& file) {
  return fail(ErrorKind::io, std::string(what) + ": " + std::strerror(errno), file.string());
}

}  // namespace

Result<FolderLock> FolderLock::open(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return io_error("cannot create the lock file", file);
  return FolderLock(fd);
}

Result<FolderLock> FolderLock::take(const std::filesystem::path& folder, std::string_view name) {
  auto lock = open(folder / name);
  if (lock && ::flock(lock->fd_, LOCK_EX) != 0) return io_error("cannot lock", folder / name);
  return lock;
}

Result<FolderLock> FolderLock::take_now(const std::filesystem::path& folder, std::string_view name,
                                        std::string held) {
  auto lock = open(folder / name);
  if (lock && ::flock(lock->fd_, LOCK_EX | LOCK_NB) != 0)
    return fail(ErrorKind::conflict, std::move(held), folder.string());
  return lock;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace picket
