#include "aws/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace picket::aws {

namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> io_error(std::string_view what, const std::filesystem::path& file) {
  return fail(ErrorKind::io, fmt::format("{}: {}", what, std::strerror(errno)), file.string());
}

}  // namespace

Result<std::string> read_private(const std::filesystem::path& file) {
  const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    if (errno == ENOENT) return std::string();
    return io_error("cannot open", file);
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return io_error("cannot stat", file);
  if ((status.st_mode & 077) != 0)
    return fail(ErrorKind::invalid, "secrets in it can be read or changed by others; run chmod 600 on it",
                file.string());
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("cannot read", file);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<void> write_private(const std::filesystem::path& file, std::string_view text) {
  const std::filesystem::path temporary = file.string() + ".new";
  {
    const FileDescriptor fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd.get() < 0) return io_error("cannot create", temporary);
    if (::fchmod(fd.get(), 0600) != 0) return io_error("cannot set the mode of", temporary);
    while (!text.empty()) {
      const ssize_t written = ::write(fd.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return io_error("cannot write", temporary);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(fd.get()) != 0) return io_error("cannot sync", temporary);
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) return io_error("cannot replace", file);
  const FileDescriptor directory(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
  return {};
}

Result<std::string> random_bytes(std::size_t length) {
  std::string bytes(length, '\0');
  for (std::size_t done = 0; done < length;) {
    const ssize_t got = ::getrandom(bytes.data() + done, length - done, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorKind::io, fmt::format("getrandom failed: {}", std::strerror(errno)));
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

Result<FolderLock> FolderLock::take(const std::filesystem::path& folder, std::string_view name) {
  const std::filesystem::path file = folder / name;
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return io_error("cannot create the lock file", file);
  FolderLock lock(fd);
  if (::flock(fd, LOCK_EX) != 0) return io_error("cannot lock", file);
  return lock;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace picket::aws
