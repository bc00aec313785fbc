#include "pipeline/watcher.h"

#include <simdjson.h>

#include <algorithm>

#include "base/hash.h"

namespace picket {

namespace {

constexpr std::size_t first_line_bytes = 64U << 10;

// Whether it is one record a line, so that what is complete can be taken while the file grows. A first line
// that opens a JSON document without closing it tells one document over many lines.
bool one_record_a_line(std::string_view head) {
  const std::size_t end = head.find('\n');
  if (end == std::string_view::npos) return false;
  std::string_view line = head.substr(0, end);
  while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
  return !(line.starts_with('{') || line.starts_with('[')) || (line.starts_with('{') && line.ends_with('}'));
}

// Whether a last line without a line end is a whole JSON record all the same.
bool closes_record(const std::string& path, std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t line_max = 1U << 20;
  if (end - begin > line_max) return read_at(path, end - 1, 1).find_first_of("}]") == 0;
  const std::string line = read_at(path, begin, static_cast<std::size_t>(end - begin));
  simdjson::dom::parser parser;
  simdjson::dom::element record;
  return line.find_first_of("{[") == 0 && parser.parse(line).get(record) == simdjson::SUCCESS;
}

bool compressed(std::string_view head) {
  return head.starts_with("\x1f\x8b") || head.starts_with("\x28\xb5\x2f\xfd") || head.starts_with("PAR1");
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

std::vector<Manifest> Watcher::poll(const std::map<std::string, KnownFile>& known, std::int64_t now_ns,
                                    bool all, Workers& workers) {
  if (all) failures_.clear();
  unquiet_ = 0;
  look_time_ = {};
  std::vector<Manifest> found;
  for (std::size_t number = 0; number < sources_.size(); ++number) {
    const WatchSource& source = sources_[number];
    const auto begun = std::chrono::steady_clock::now();
    Listing listing = list_files(source.path, memories_[number], all, now_ns);
    if (all) failures_.insert(failures_.end(), listing.failures.begin(), listing.failures.end());
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
    look_time_ += std::chrono::steady_clock::now() - begun;
    for (Manifest& m : plan(fresh, source.settings, workers)) {
      const std::string head =
          read_at(m.path, 0, static_cast<std::size_t>(std::min<std::uint64_t>(manifest_head_bytes, m.size)));
      m.head_hash = hash64(head);
      const auto at = known.find(m.path);
      const KnownFile* before = at == known.end() ? nullptr : &at->second;
      const bool lines = !compressed(head) && one_record_a_line(read_at(m.path, 0, first_line_bytes));
      // A text that has not come to the end of its first line yet.
      if (!lines && !compressed(head) && m.size > 0 && now_ns - m.modified_ns < abandoned_ns &&
          last_line_end(m.path, 0, m.size) == 0 && !closes_record(m.path, 0, m.size)) {
        ++unquiet_;
        continue;
      }
      // The same file grown: its first 4 KiB (or what there was of them) are the same, and it is longer.
      const bool grown = before != nullptr && lines && before->inode == m.inode &&
                         before->device == m.device && m.size > before->consumed &&
                         hash64(std::string_view(head).substr(
                             0, std::min<std::uint64_t>(head.size(), before->size))) == before->head_hash;
      if (lines) {
        const std::uint64_t begin = grown ? before->consumed : 0;
        std::uint64_t end = last_line_end(m.path, begin, m.size);
        // An unfinished last line waits; one that closes its JSON, or that nobody went on writing, was the
        // last.
        if (end < m.size && (now_ns - m.modified_ns >= abandoned_ns || closes_record(m.path, end, m.size)))
          end = m.size;
        if (end < m.size) ++unquiet_;
        if (end == begin) continue;
        m.offset = begin;
        m.length = end - begin;
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
