#include "source/file_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

namespace picket {

namespace {

namespace fs = std::filesystem;

std::string reason_of(int error) { return std::strerror(error); }

class FileBytes final : public ByteSource {
 public:
  FileBytes(int fd, std::string path, std::uint64_t length)
      : fd_(fd), path_(std::move(path)), left_(length) {}
  ~FileBytes() override { close(fd_); }
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  Result<std::size_t> read(std::span<char> into) override {
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
    if (want == 0) return 0;
    while (true) {
      const ssize_t got = ::read(fd_, into.data(), want);
      if (got >= 0) {
        left_ -= static_cast<std::uint64_t>(got);
        return static_cast<std::size_t>(got);
      }
      if (errno != EINTR) return fail(ErrorKind::io, "cannot read: " + reason_of(errno), path_);
    }
  }

 private:
  const int fd_;
  const std::string path_;
  std::uint64_t left_;
};

std::int64_t modified_ns(const struct stat& info) {
  return info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec;
}

std::optional<ListedFile> stat_file(const std::string& path, std::string key, std::string& why) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) {
    const int error = errno;
    struct stat link{};
    why = lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode) ? "dangling link" : reason_of(error);
    return std::nullopt;
  }
  if (!S_ISREG(info.st_mode)) {
    why = S_ISDIR(info.st_mode) ? "" : "not a regular file";
    return std::nullopt;
  }
  return ListedFile{path,        std::move(key),   static_cast<std::uint64_t>(info.st_size), 0, info.st_dev,
                    info.st_ino, modified_ns(info)};
}

}  // namespace

// Links to folders are followed once each.
class FolderWalk {
 public:
  FolderWalk(Listing& out, FolderMemory* memory, bool all, std::int64_t now_ns)
      : out_(out), memory_(memory), all_(all), now_ns_(now_ns) {}

  void walk(const std::string& folder, const std::string& prefix) {
    struct stat info{};
    if (stat(folder.c_str(), &info) != 0 || !seen_.insert({info.st_dev, info.st_ino}).second) return;
    if (memory_ != nullptr && !all_) {
      const auto known = memory_->seen_.find(folder);
      if (known != memory_->seen_.end() && known->second.settled &&
          known->second.changed_ns == modified_ns(info)) {
        for (const auto& [path, key] : known->second.folders) walk(path, key);
        return;
      }
    }
    const std::size_t failures = out_.failures.size();
    std::int64_t newest = modified_ns(info);
    FolderMemory::Seen now{.changed_ns = newest};
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    std::vector<fs::path> paths;
    for (; !error && entries != fs::directory_iterator(); entries.increment(error))
      paths.push_back(entries->path());
    if (error) out_.failures.emplace_back(folder, error.message());
    std::sort(paths.begin(), paths.end());
    for (const fs::path& path : paths) {
      const std::string name = path.filename().string();
      std::string key = prefix.empty() ? name : prefix + "/" + name;
      if (fs::is_directory(path, error)) {
        now.folders.emplace_back(path.string(), std::move(key));
        continue;
      }
      std::string why;
      if (auto file = stat_file(path.string(), std::move(key), why)) {
        newest = std::max(newest, file->modified_ns);
        out_.files.push_back(std::move(*file));
      } else if (!why.empty()) {
        out_.failures.emplace_back(path.string(), why);
      }
    }
    for (const auto& [path, key] : now.folders) walk(path, key);
    if (memory_ == nullptr) return;
    now.settled = out_.failures.size() == failures && now_ns_ - newest > settled_ns;
    memory_->seen_.insert_or_assign(folder, std::move(now));
  }

 private:
  // Times of files are those of the kernel's last tick, and of another machine on some file systems.
  static constexpr std::int64_t settled_ns = 10'000'000'000;
  Listing& out_;
  FolderMemory* const memory_;
  const bool all_;
  const std::int64_t now_ns_;
  std::set<std::pair<dev_t, ino_t>> seen_;
};

namespace {

Listing list(const std::string& argument, FolderMemory* memory, bool all, std::int64_t now_ns) {
  Listing listing;
  std::error_code error;
  std::vector<std::string> paths;
  if (!fs::exists(fs::symlink_status(argument, error)) &&
      argument.find_first_of("*?[") != std::string::npos) {
    glob_t found{};
    if (glob(argument.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
    }
    globfree(&found);
    if (paths.empty()) listing.failures.emplace_back(argument, "no file matches this pattern");
  } else {
    paths.push_back(argument);
  }
  FolderWalk folders(listing, memory, all, now_ns);
  for (const std::string& path : paths) {
    if (fs::is_directory(path, error)) {
      folders.walk(path, paths.size() > 1 ? fs::path(path).filename().string() : "");
      continue;
    }
    std::string why;
    if (auto file = stat_file(path, path, why)) {
      listing.files.push_back(std::move(*file));
    } else {
      listing.failures.emplace_back(path, why);
    }
  }
  std::sort(listing.files.begin(), listing.files.end(),
            [](const ListedFile& a, const ListedFile& b) { return a.key < b.key; });
  return listing;
}

}  // namespace

Listing list_files(const std::string& argument) { return list(argument, nullptr, true, 0); }

Listing list_files(const std::string& argument, FolderMemory& memory, bool all, std::int64_t now_ns) {
  return list(argument, &memory, all, now_ns);
}

Result<std::unique_ptr<ByteSource>> open_file(const std::string& path, std::uint64_t offset,
                                              std::uint64_t length) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(ErrorKind::io, "cannot open: " + reason_of(errno), path);
  auto source = std::make_unique<FileBytes>(fd, path, length);
  if (offset > 0 && lseek(fd, static_cast<off_t>(offset), SEEK_SET) < 0) {
    return fail(ErrorKind::io, "cannot seek: " + reason_of(errno), path);
  }
  posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return source;
}

std::string read_at(const std::string& path, std::uint64_t offset, std::size_t length) {
  std::string text(length, '\0');
  std::size_t filled = 0;
  if (auto source = open_file(path, offset, length)) {
    while (filled < length) {
      const auto got = (*source)->read(std::span(text).subspan(filled));
      if (!got || *got == 0) break;
      filled += *got;
    }
  }
  text.resize(filled);
  return text;
}

}  // namespace picket
