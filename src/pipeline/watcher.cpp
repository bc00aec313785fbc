#include "pipeline/watcher.h"

#include <algorithm>

#include "base/hash.h"

namespace picket {

namespace {

constexpr std::size_t head_bytes = 4096;  // DESIGN section 3: a growing file is known by device, inode and these

bool compressed(std::string_view head) {
  return head.starts_with("\x1f\x8b") || head.starts_with("\x28\xb5\x2f\xfd") || head.starts_with("PAR1");
}

// The first `length` bytes; shorter when the file is.
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

// Where the last complete line before `end` ends, not before `begin`.
std::uint64_t last_line_end(const std::string& path, std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t step = 64U << 10;
  while (end > begin) {
    const std::uint64_t from = end - begin > step ? end - step : begin;
    const std::string text = read_at(path, from, static_cast<std::size_t>(end - from));
    if (const std::size_t at = text.rfind('\n'); at != std::string::npos) return from + at + 1;
    end = from;
  }
  return begin;
}

}  // namespace

std::vector<Manifest> Watcher::poll(const std::map<std::string, KnownFile>& known, std::int64_t now_ns, Workers& workers) {
  failures_.clear();
  unquiet_ = 0;
  std::vector<Manifest> found;
  for (const WatchSource& source : sources_) {
    Listing listing = list_files(source.path);
    failures_.insert(failures_.end(), listing.failures.begin(), listing.failures.end());
    std::vector<ListedFile> fresh;
    for (const ListedFile& file : listing.files) {
      const auto at = known.find(file.path);
      if (at != known.end() && at->second.size == file.size && at->second.modified_ns == file.modified_ns &&
          at->second.inode == file.inode && at->second.consumed >= file.size) {
        continue;
      }
      if (now_ns - file.modified_ns >= quiet_ns || file.modified_ns > now_ns) {
        fresh.push_back(file);
      } else {
        ++unquiet_;
      }
    }
    for (Manifest& m : plan(fresh, source.settings, workers)) {
      const std::string head = read_at(m.path, 0, head_bytes);
      m.head_hash = hash64(head);
      const auto at = known.find(m.path);
      const KnownFile* before = at == known.end() ? nullptr : &at->second;
      const bool lines = !compressed(head) && head.find('\n') != std::string::npos;
      // The same file grown: its first 4 KiB (or what there was of them) are the same, and it is longer.
      const bool grown = before != nullptr && lines && before->inode == m.inode && before->device == m.device &&
                         m.size > before->consumed &&
                         hash64(std::string_view(head).substr(0, std::min<std::uint64_t>(head.size(), before->size))) == before->head_hash;
      if (lines) {
        const std::uint64_t begin = grown ? before->consumed : 0;
        const std::uint64_t end = last_line_end(m.path, begin, m.size);
        // Without a single line end behind `begin` the rest waits for its line to be finished, but a whole file
        // that never had one is taken as it is.
        if (end == begin && grown) continue;
        m.offset = begin;
        if (end > begin) m.length = end - begin;
        if (grown && m.flow_format.empty() && m.kind == LogKind::vpcflow) {
          const std::string first = head.substr(0, head.find('\n'));
          if (first.find("srcaddr") != std::string::npos) m.flow_format = first;
        }
      }
      found.push_back(std::move(m));
    }
  }
  return found;
}

}  // namespace picket
