#include "pipeline/planner.h"

#include <algorithm>
#include <limits>

#include "base/hash.h"
#include "decode/inflate.h"
#include "decode/sniff.h"

namespace picket {

namespace {

// Enough for a header and some records of any kind; every file without a time in its key pays for it.
constexpr std::size_t peek_bytes = 32U << 10;
constexpr std::size_t head_bytes = 4096;
constexpr TimeMs unknown_time = std::numeric_limits<TimeMs>::min() / 4;

// Reads until `buffer` is full or the end; an error ends it too (the epoch that reads the object reports it).
std::size_t fill(ByteSource& source, std::span<char> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const auto got = source.read(buffer.subspan(filled));
    if (!got || *got == 0) break;
    filled += *got;
  }
  return filled;
}

KeyFacts bind(Manifest& m, const SourceSettings& source) {
  KeyFacts facts = read_key(m.key);
  m.source = source.name;
  m.kind = source.kind ? source.kind : facts.kind;
  // The key is nearer to the object than what is said of its whole source.
  m.account = facts.account.empty() ? source.account : facts.account;
  m.region = facts.region.empty() ? source.region : facts.region;
  m.cluster = facts.cluster.empty() ? source.cluster : facts.cluster;
  m.flow_format = source.flow_format;
  return facts;
}

std::string stream_of(const Manifest& m, std::optional<LogKind> kind) {
  return m.source + "/" + (kind ? std::string(name_of(*kind)) : std::string("unknown")) + "/" + m.account +
         "/" + m.region;
}

}  // namespace

Manifest plan_one(const ListedFile& file, const SourceSettings& source) {
  Manifest m;
  m.path = file.path;
  m.key = file.key;
  m.size = file.size;
  m.device = file.device;
  m.inode = file.inode;
  m.modified_ns = file.modified_ns;
  const KeyFacts facts = bind(m, source);
  std::optional<LogKind> kind = m.kind;
  std::optional<TimeMs> first =
      facts.skip_reason.empty() && facts.kind ? object_time_hint(file.key) : std::nullopt;
  if (!first && facts.skip_reason.empty()) {
    thread_local InflateWorkspace workspace;
    thread_local std::vector<char> buffer(peek_bytes);
    if (auto raw = open_file(file.path, file.offset)) {
      DecodeLimits limits;
      InflatingSource text(**raw, limits, workspace);
      const std::string_view prefix(buffer.data(), fill(text, buffer));
      if (!kind) kind = sniff_kind(prefix, file.key).kind;
      if (kind) first = peek_first_time(prefix, *kind);
    }
  }
  m.lower_bound = first.value_or(unknown_time);
  m.stream = stream_of(m, kind);
  return m;
}

Manifest plan_again(Manifest m, std::optional<LogKind> kind, const SourceSettings& source) {
  bind(m, source);
  m.stream = stream_of(m, m.kind ? m.kind : kind);
  return m;
}

ManifestQueue plan_packed(std::vector<ListedFile> files, const SourceSettings& source, Workers& workers) {
  constexpr std::size_t at_once = 4096;
  ManifestQueue planned;
  std::vector<Manifest> manifests;
  for (std::size_t from = 0; from < files.size(); from += manifests.size()) {
    manifests.assign(std::min(at_once, files.size() - from), {});
    workers.parallel_for(manifests.size(), [&](unsigned, std::size_t i) {
      manifests[i] = plan_one(files[from + i], source);
      files[from + i] = {};
    });
    for (const Manifest& manifest : manifests) planned.push_back(manifest);
  }
  planned.sort();
  return planned;
}

std::vector<Manifest> plan(const std::vector<ListedFile>& files, const SourceSettings& source,
                           Workers& workers) {
  std::vector<Manifest> manifests(files.size());
  workers.parallel_for(files.size(),
                       [&](unsigned, std::size_t i) { manifests[i] = plan_one(files[i], source); });
  std::sort(manifests.begin(), manifests.end(), [](const Manifest& a, const Manifest& b) {
    return std::tie(a.lower_bound, a.key, a.path) < std::tie(b.lower_bound, b.key, b.path);
  });
  return manifests;
}

}  // namespace picket
