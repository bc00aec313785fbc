#include "log/input_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/hash.h"

namespace picket {

namespace {

namespace fs = std::filesystem;

class MemoryLog final : public InputLog {
 public:
  Result<void> append(std::span<const LogEntry>) override { return {}; }
  Result<std::vector<LogEntry>> read(std::uint64_t) override { return std::vector<LogEntry>{}; }
  Result<std::uint64_t> cut_segment() override { return ++segment_; }
  void forget_before(std::uint64_t) override {}

 private:
  std::uint64_t segment_ = 0;
};

std::string encode(const LogEntry& entry) {
  std::string body;
  Writer out(body);
  out(static_cast<std::uint8_t>(entry.index()));
  std::visit([&](const auto& value) { out(value); }, entry);
  return body;
}

std::optional<LogEntry> decode(std::string_view body) {
  Reader in(body);
  std::uint8_t index = 0;
  in(index);
  LogEntry entry;
  switch (index) {
    case 0:
      in(entry.emplace<Manifest>());
      break;
    case 1:
      in(entry.emplace<Release>());
      break;
    case 2:
      in(entry.emplace<EpochCut>());
      break;
    case 3:
      in(entry.emplace<Control>());
      break;
    case 4:
      in(entry.emplace<Redrive>());
      break;
    default:
      return std::nullopt;
  }
  if (in.failed() || !in.at_end()) return std::nullopt;
  return entry;
}

// The whole records at the start of `bytes`; `good` is set to where they end.
std::vector<LogEntry> parse(std::string_view bytes, std::size_t& good) {
  std::vector<LogEntry> entries;
  good = 0;
  while (bytes.size() - good >= 12) {
    std::uint32_t size = 0;
    std::uint64_t checksum = 0;
    std::memcpy(&size, bytes.data() + good, 4);
    std::memcpy(&checksum, bytes.data() + good + 4, 8);
    if (size > bytes.size() - good - 12) break;
    const std::string_view body = bytes.substr(good + 12, size);
    if (hash64(body) != checksum) break;
    auto entry = decode(body);
    if (!entry) break;
    entries.push_back(std::move(*entry));
    good += 12 + size;
  }
  return entries;
}

class FileLog final : public InputLog {
 public:
  explicit FileLog(fs::path folder) : folder_(std::move(folder)) {}
  ~FileLog() override {
    if (fd_ >= 0) close(fd_);
  }
  FileLog(const FileLog&) = delete;
  FileLog& operator=(const FileLog&) = delete;

  Result<void> open() {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) return fail(ErrorKind::io, "cannot create the folder: " + error.message(), folder_.string());
    const std::vector<std::uint64_t> found = segments();
    segment_ = found.empty() ? 1 : found.back();
    if (!found.empty()) {
      auto bytes = read_file(segment_);
      if (!bytes) return std::unexpected(bytes.error());
      std::size_t good = 0;
      parse(*bytes, good);
      if (good < bytes->size()) {
        fs::resize_file(path(segment_), good, error);
        if (error)
          return fail(ErrorKind::io, "cannot cut the torn end: " + error.message(), path(segment_).string());
      }
    }
    return open_segment();
  }

  Result<void> append(std::span<const LogEntry> entries) override {
    std::string bytes;
    for (const LogEntry& entry : entries) {
      const std::string body = encode(entry);
      Writer out(bytes);
      out(static_cast<std::uint32_t>(body.size()), hash64(body));
      bytes += body;
    }
    const off_t before = lseek(fd_, 0, SEEK_END);
    std::size_t written = 0;
    while (written < bytes.size()) {
      const ssize_t n = ::write(fd_, bytes.data() + written, bytes.size() - written);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int why = errno;
        // What was written of it must not stand in front of the next append.
        if (ftruncate(fd_, before) != 0)
          return fail(ErrorKind::io, "the input log is torn", path(segment_).string());
        return fail(ErrorKind::io, std::string("cannot append: ") + std::strerror(why),
                    path(segment_).string());
      }
      written += static_cast<std::size_t>(n);
    }
    if (fdatasync(fd_) != 0) {
      const int why = errno;
      // The caller will append them again: they must not be there twice.
      if (ftruncate(fd_, before) != 0)
        return fail(ErrorKind::io, "the input log is torn", path(segment_).string());
      return fail(ErrorKind::io, std::string("cannot sync: ") + std::strerror(why), path(segment_).string());
    }
    return {};
  }

  Result<std::vector<LogEntry>> read(std::uint64_t segment) override {
    std::vector<LogEntry> all;
    for (const std::uint64_t number : segments()) {
      if (number < segment) continue;
      auto bytes = read_file(number);
      if (!bytes) return std::unexpected(bytes.error());
      std::size_t good = 0;
      for (LogEntry& entry : parse(*bytes, good)) all.push_back(std::move(entry));
      if (good < bytes->size()) return fail(ErrorKind::invalid, "a record is damaged", path(number).string());
    }
    return all;
  }

  Result<std::uint64_t> cut_segment() override {
    close(fd_);
    ++segment_;
    if (auto opened = open_segment(); !opened) return std::unexpected(opened.error());
    return segment_;
  }

  void forget_before(std::uint64_t segment) override {
    for (const std::uint64_t number : segments()) {
      std::error_code ignored;
      if (number < segment) fs::remove(path(number), ignored);
    }
  }

 private:
  fs::path path(std::uint64_t segment) const { return folder_ / fmt::format("input-{:010}.log", segment); }

  std::vector<std::uint64_t> segments() const {
    std::vector<std::uint64_t> found;
    std::error_code error;
    for (const auto& item : fs::directory_iterator(folder_, error)) {
      const std::string name = item.path().filename().string();
      if (!name.starts_with("input-") || !name.ends_with(".log")) continue;
      std::uint64_t number = 0;
      const char* digits = name.data() + 6;
      if (std::from_chars(digits, name.data() + name.size() - 4, number).ec == std::errc{})
        found.push_back(number);
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  Result<std::string> read_file(std::uint64_t segment) const {
    std::ifstream file(path(segment), std::ios::binary);
    if (!file) return fail(ErrorKind::io, "cannot open", path(segment).string());
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  Result<void> open_segment() {
    fd_ = ::open(path(segment_).c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd_ < 0)
      return fail(ErrorKind::io, std::string("cannot open: ") + std::strerror(errno),
                  path(segment_).string());
    const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
      fsync(folder);
      close(folder);
    }
    return {};
  }

  const fs::path folder_;
  std::uint64_t segment_ = 1;
  int fd_ = -1;
};

}  // namespace

std::unique_ptr<InputLog> memory_log() { return std::make_unique<MemoryLog>(); }

Result<std::unique_ptr<InputLog>> open_file_log(const std::string& folder) {
  auto log = std::make_unique<FileLog>(folder);
  if (auto opened = log->open(); !opened) return std::unexpected(opened.error());
  return log;
}

}  // namespace picket
