#include "respond/line_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace picket::respond {

Result<void> LineFile::append(std::string_view line) {
  const std::lock_guard lock(mutex_);
  const auto failed = [&](int error) { return fail(ErrorKind::io, std::strerror(error), path_); };
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
  const int fd = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return failed(errno);
  struct Close {
    int fd;
    ~Close() { ::close(fd); }
  } const close{fd};
  std::string text(line);
  text += '\n';
  char last = '\n';
  const off_t size = ::lseek(fd, 0, SEEK_END);
  if (size > 0 && ::pread(fd, &last, 1, size - 1) == 1 && last != '\n') text.insert(text.begin(), '\n');
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  // What is no file, such as a pipe or a terminal, has nothing to sync.
  if (::fdatasync(fd) != 0 && errno != EINVAL && errno != EROFS) return failed(errno);
  return {};
}

}  // namespace picket::respond
