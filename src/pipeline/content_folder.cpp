#include "pipeline/content_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "aws/sigv4.h"

namespace picket {

namespace {

namespace fs = std::filesystem;

bool is_hash(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<void> write_durably(const fs::path& path, std::string_view bytes) {
  const fs::path temporary = path.string() + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int error = fd < 0 ? errno : 0;
  while (error == 0 && !bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  if (fd >= 0) ::close(fd);
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0)
    return fail(ErrorKind::io, std::string("cannot write: ") + std::strerror(error), path.string());
  if (const int folder = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

}  // namespace

Result<std::string> ContentFolder::keep(std::string_view content) {
  const std::string hash = aws::sha256_hex(content);
  const std::lock_guard lock(mutex_);
  fresh_.insert(hash);
  if (read(hash)) return hash;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(ErrorKind::io, "cannot create the folder: " + error.message(), folder_.string());
  if (auto written = write_durably(folder_ / hash, content); !written)
    return std::unexpected(written.error());
  return hash;
}

Result<std::string> ContentFolder::read(const std::string& sha256) const {
  const fs::path path = folder_ / sha256;
  if (!is_hash(sha256)) return fail(ErrorKind::invalid, "not a hash", sha256);
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorKind::not_found, "the kept content is not there", path.string());
  std::string content(std::istreambuf_iterator<char>(file), {});
  if (aws::sha256_hex(content) != sha256)
    return fail(ErrorKind::invalid, "the kept content is not what it was", path.string());
  return content;
}

bool ContentFolder::has(const std::string& sha256) const {
  std::error_code ignored;
  return is_hash(sha256) && fs::exists(folder_ / sha256, ignored);
}

void ContentFolder::named(const std::set<std::string>& hashes) {
  const std::lock_guard lock(mutex_);
  in_effect_ = hashes;
  since_snapshot_.insert(hashes.begin(), hashes.end());
}

void ContentFolder::snapshot_saved(const std::set<std::string>& wanted) {
  const std::lock_guard lock(mutex_);
  snapshots_.push_back(std::move(since_snapshot_));
  since_snapshot_ = in_effect_;
  if (snapshots_.size() < snapshots_kept) return;  // What was named before this process began is not known.
  snapshots_.pop_front();
  std::error_code error;
  for (const auto& item : fs::directory_iterator(folder_, error)) {
    const std::string name = item.path().filename().string();
    bool needed =
        !is_hash(name) || wanted.contains(name) || fresh_.contains(name) || since_snapshot_.contains(name);
    for (const auto& snapshot : snapshots_) needed = needed || snapshot.contains(name);
    if (!needed) fs::remove(item.path(), error);
  }
  fresh_.clear();
}

}  // namespace picket
