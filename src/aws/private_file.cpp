#include "aws/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
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

}  // namespace picket::aws
