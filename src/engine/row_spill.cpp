#include "engine/row_spill.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/archive.h"

namespace picket {

namespace {

// Written and read at once: whole rows, which a record's limit keeps far below.
constexpr std::size_t piece_bytes = 4U << 20;

std::unexpected<Error> io_error(const char* what) {
  return fail(ErrorKind::io, std::string(what) + std::strerror(errno));
}

}  // namespace

Result<std::shared_ptr<SpillFile>> SpillFile::create(const std::string& folder) {
  std::string name = folder + "/picket-rows-XXXXXX";
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return io_error("cannot create a file for waiting rows: ");
  unlink(name.c_str());
  return std::make_shared<SpillFile>(fd);
}

SpillFile::~SpillFile() { close(fd_); }

Result<std::uint64_t> SpillFile::append(std::string_view bytes) {
  const std::uint64_t begin = size_;
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("cannot write waiting rows: ");
    size_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return begin;
}

Result<std::string> SpillFile::read(std::uint64_t offset, std::uint64_t size) const {
  std::string bytes(size, '\0');
  for (std::size_t filled = 0; filled < size;) {
    const ssize_t got = pread(fd_, bytes.data() + filled, size - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("cannot read waiting rows: ");
    if (got == 0) return fail(ErrorKind::io, "the file of waiting rows is shorter than it was");
    filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

Result<RowRun> RowRun::write(std::shared_ptr<SpillFile> file, std::span<const OrderedRow> rows) {
  RowRun run;
  if (rows.empty()) return run;
  run.next_ = rows.front().time();
  run.left_ = rows.size();
  std::string bytes;
  bool first = true;
  const auto flush = [&]() -> Result<void> {
    const auto begin = file->append(bytes);
    if (!begin) return std::unexpected(begin.error());
    if (first) run.at_ = *begin;
    first = false;
    run.end_ = *begin + bytes.size();
    bytes.clear();
    return {};
  };
  for (const OrderedRow& row : rows) {
    std::string packed;
    Writer one(packed), all(bytes);
    one(row);
    all(packed);
    if (bytes.size() < piece_bytes) continue;
    if (auto done = flush(); !done) return std::unexpected(done.error());
  }
  if (auto done = flush(); !done) return std::unexpected(done.error());
  run.file_ = std::move(file);
  return run;
}

Result<void> RowRun::take(TimeMs until, std::vector<OrderedRow>& into) {
  while (left_ > 0 && next_ <= until) {
    const auto bytes = file_->read(at_, std::min<std::uint64_t>(piece_bytes, end_ - at_));
    if (!bytes) return std::unexpected(bytes.error());
    Reader in(*bytes);
    std::string packed;
    std::uint64_t used = 0;
    while (left_ > 0) {
      in(packed);
      if (in.failed()) break;  // The rest of the row is in the next piece.
      OrderedRow row;
      Reader one(packed);
      one(row);
      next_ = row.time();
      if (next_ > until) break;
      used += sizeof(std::uint32_t) + packed.size();
      --left_;
      into.push_back(std::move(row));
    }
    at_ += used;
    if (used == 0 && next_ <= until) return fail(ErrorKind::io, "a waiting row is damaged");
  }
  if (left_ == 0) file_.reset();
  return {};
}

}  // namespace picket
