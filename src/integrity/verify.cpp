#include "integrity/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>

#include "base/text.h"
#include "decode/inflate.h"

namespace picket::integrity {

namespace {

// A digest comes once an hour, and the log files of its last minutes may be named by the next one.
constexpr TimeMs edge = 10 * minute_ms;
// By how much a chain may end before what else there is; AWS gives a digest an hour and delivers it soon
// after.
constexpr TimeMs overdue = 2 * hour_ms;
// Digests that end up to this much later tell the signatures and the late log files of those asked for.
constexpr TimeMs signature_reach = 3 * hour_ms;
constexpr std::size_t digest_bytes_max = 64U << 20;
constexpr std::string_view metadata_suffix = ".metadata.json";

bool digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "20260914T100500Z", or without the seconds.
std::optional<TimeMs> compact_time(std::string_view text) {
  if ((text.size() != 16 && text.size() != 14) || text[8] != 'T' || text.back() != 'Z') return std::nullopt;
  if (!digits(text.substr(0, 8)) || !digits(text.substr(9, text.size() - 10))) return std::nullopt;
  return parse_time(fmt::format("{}-{}-{}T{}:{}:{}Z", text.substr(0, 4), text.substr(4, 2), text.substr(6, 2),
                                text.substr(9, 2), text.substr(11, 2),
                                text.size() == 16 ? text.substr(13, 2) : "00"));
}

// A key without what depends on where an archive lies and whether it was unpacked.
std::string_view archive_key(std::string_view path) {
  for (const std::string_view suffix : {".gz", ".zst"})
    if (path.ends_with(suffix)) path.remove_suffix(suffix.size());
  constexpr std::string_view root = "AWSLogs/";
  for (std::size_t at = path.rfind(root); at != std::string_view::npos && at > 0;
       at = path.rfind(root, at - 1))
    if (path[at - 1] == '/') return path.substr(at);
  if (path.starts_with(root)) return path;
  return path.substr(path.rfind('/') + 1);
}

// Within a chain no two digests have the same.
std::string name_in(std::string_view key) {
  key = archive_key(key);
  return std::string(key.substr(key.rfind('/') + 1));
}

// "ACCOUNT_CloudTrail_REGION_TIME_RANDOM.json" and
// "ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOME_TIME.json".
struct FileName {
  bool digest = false;
  std::string account, region, trail, home_region;
  std::string chain;  // of a digest: its name without the time
  TimeMs time = 0;
};
std::optional<FileName> read_name(std::string_view key) {
  key.remove_prefix(key.rfind('/') + 1);
  if (!key.ends_with(".json")) return std::nullopt;
  key.remove_suffix(5);
  FileName out;
  const std::size_t account_end = key.find('_');
  if (account_end != 12 || !digits(key.substr(0, 12))) return std::nullopt;
  out.account = key.substr(0, 12);
  std::string_view rest = key.substr(13);
  const auto take = [&] {
    const std::string_view part = rest.substr(0, rest.find('_'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    return part;
  };
  const std::string_view kind = take();
  out.digest = kind == "CloudTrail-Digest";
  if (!out.digest && kind != "CloudTrail") return std::nullopt;
  out.region = take();
  if (!out.digest) {
    const auto time = compact_time(take());
    if (!time || rest.empty()) return std::nullopt;
    out.time = *time;
    return out;
  }
  // A trail's name may hold underscores, so from behind; a word may follow the time.
  for (std::size_t at = rest.rfind('_'); at != std::string_view::npos && at > 0;
       at = rest.rfind('_', at - 1)) {
    const std::string_view part = rest.substr(at + 1, rest.find('_', at + 1) - at - 1);
    const auto time = compact_time(part);
    if (!time) continue;
    const std::string_view who = rest.substr(0, at);
    const std::size_t home = who.rfind('_');
    if (home == std::string_view::npos) return std::nullopt;
    out.time = *time;
    out.trail = who.substr(0, home);
    out.home_region = who.substr(home + 1);
    out.chain = fmt::format("{}_{}_{}{}", out.account, out.region, who, rest.substr(at + 1 + part.size()));
    return out;
  }
  return std::nullopt;
}

struct Content {
  std::string sha256;
  std::string text;                        // only when asked for
  bool appended = false;                   // something follows what CloudTrail wrote
  std::optional<DigestMetadata> metadata;  // that its object has
};

// What the network refuses now says nothing of the object.
bool is_unreachable(const Archive& archive, const Error& error) {
  return archive.is_remote() && error.kind == ErrorKind::io;
}

Result<Content> read_content(const Archive& archive, const std::string& path, const DecodeLimits& limits,
                             bool keep) {
  auto opened = archive.open(path);
  if (!opened) return std::unexpected(opened.error());
  thread_local InflateWorkspace workspace;
  InflatingSource inflated(*opened->bytes, limits, workspace);
  std::array<char, 64U << 10> buffer{};
  Sha256 hash;
  Content out;
  out.metadata = std::move(opened->metadata);
  while (true) {
    const auto got = inflated.read(buffer);
    if (!got) {
      // What was written comes out first; junk behind it then shows as an error.
      if (inflated.bytes_out() == 0 || !inflated.first_member_bytes()) return std::unexpected(got.error());
      out.appended = true;
      break;
    }
    if (*got == 0) break;
    const std::string_view text(buffer.data(), *got);
    hash.add(text);
    if (!keep) continue;
    if (out.text.size() + text.size() > digest_bytes_max)
      return fail(ErrorKind::too_large, "larger than any digest file", path);
    out.text += text;
  }
  out.sha256 = hash.hex();
  // What comes behind the first member is nothing that CloudTrail said.
  if (keep && inflated.first_member_bytes())
    out.text.resize(static_cast<std::size_t>(*inflated.first_member_bytes()));
  out.appended = out.appended || inflated.first_member_bytes() || inflated.trailing_garbage();
  return out;
}

struct LogFile {
  std::string path;
  std::string key;  // as archive_key makes it
  FileName name;
  std::uint64_t tag = 0;  // tells one content from another; 0: unknown
  bool named = false;     // by a digest
};

enum class State : std::uint8_t { unproven, valid, invalid };

struct DigestFile {
  std::string path, key;
  FileName name;
  std::optional<std::string> metadata_path;
  std::optional<Error> error;
  Digest digest;
  std::optional<DigestMetadata> metadata;
  std::string sha256;
  bool appended = false;
  bool asked = true;  // else it is only read for what it tells of others
  State state = State::unproven;
};

struct Collected {
  std::vector<LogFile> logs;
  std::vector<DigestFile> digests;
  std::map<std::string, std::vector<std::size_t>, std::less<>> logs_by_key;
};

using Span = std::pair<TimeMs, TimeMs>;
using Place = std::pair<std::string, std::string>;  // account and Region

std::string between(TimeMs from, TimeMs to) {
  return fmt::format("from {} to {}", format_time_seconds(from), format_time_seconds(to));
}

Collected collect(const VerifySettings& settings, const Archive& archive, VerifyReport& report) {
  Collected out;
  std::map<std::string, std::string> metadata;  // path by the digest's path
  std::set<std::string> seen;
  for (const std::string& path : settings.paths) {
    Listing listing = archive.list(path, settings.from);
    report.failures.insert(report.failures.end(), listing.failures.begin(), listing.failures.end());
    for (ListedFile& file : listing.files) {
      if (!seen.insert(file.path).second) continue;
      if (file.path.ends_with(metadata_suffix)) {
        metadata[file.path.substr(0, file.path.size() - metadata_suffix.size())] = file.path;
        continue;
      }
      const std::string key(archive_key(file.path));
      const auto name = read_name(key);
      if (!name) {
        ++report.other_files;
      } else if (!name->digest) {
        out.logs_by_key[key].push_back(out.logs.size());
        out.logs.push_back({file.path, key, *name, archive.is_remote() ? file.inode : 0});
      } else if ((!settings.from || name->time > *settings.from) &&
                 (!settings.to || name->time < *settings.to + signature_reach)) {
        DigestFile& digest = out.digests.emplace_back();
        digest.path = file.path;
        digest.key = key;
        digest.name = *name;
      }
    }
  }
  for (DigestFile& digest : out.digests)
    if (const auto at = metadata.find(digest.path); at != metadata.end()) digest.metadata_path = at->second;
  return out;
}

void load(DigestFile& file, const Archive& archive, const DecodeLimits& limits) {
  auto content = read_content(archive, file.path, limits, true);
  if (!content) {
    file.error = content.error();
    return;
  }
  file.sha256 = std::move(content->sha256);
  file.appended = content->appended;
  auto digest = parse_digest(content->text);
  if (!digest) {
    file.error = digest.error();
    return;
  }
  file.digest = std::move(*digest);
  file.metadata = std::move(content->metadata);
  if (!file.metadata_path) return;
  auto raw = read_content(archive, *file.metadata_path, limits, true);
  auto metadata = raw ? parse_metadata(raw->text) : Result<DigestMetadata>(std::unexpected(raw.error()));
  if (metadata) {
    file.metadata = std::move(*metadata);
  } else {
    file.error = metadata.error();
    file.error->where = *file.metadata_path;
  }
}

// One chain's digests, by time.
class ChainJudge {
 public:
  ChainJudge(const VerifySettings& settings, const PublicKeys& keys, std::vector<DigestFile*> files,
             ChainReport& report)
      : settings_(settings), keys_(keys), files_(std::move(files)), report_(report) {
    std::ranges::sort(files_, [](const DigestFile* a, const DigestFile* b) {
      return std::tie(a->name.time, a->key, a->path) < std::tie(b->name.time, b->key, b->path);
    });
    for (DigestFile* file : files_) {
      if (file->error) {
        unreadable_.insert(name_in(file->key));
        continue;
      }
      by_name_[name_in(file->key)].push_back(file);
      if (!file->digest.previous_key.empty()) successors_[name_in(file->digest.previous_key)].push_back(file);
    }
  }

  void judge() {
    for (auto at = files_.rbegin(); at != files_.rend(); ++at) judge_digest(**at);
    std::erase_if(files_, [](const DigestFile* file) { return file->error || !file->asked; });
    if (files_.empty()) return;
    report_.from = files_.front()->digest.start;
    for (const DigestFile* file : files_) report_.to = std::max(report_.to, file->digest.end);
    judge_links();
    judge_ends();
  }

 private:
  void problem(ProblemKind kind, std::string object, std::string detail) {
    if (silent_) return;
    report_.problems.push_back({kind, std::move(object), std::move(detail)});
  }

  // The newest first: a digest's signature is told by the one after it.
  void judge_digest(DigestFile& file) {
    file.asked = file.error ? !settings_.to || file.name.time <= *settings_.to + hour_ms
                            : !settings_.to || file.digest.start < *settings_.to;
    silent_ = !file.asked;
    const auto invalid = [&](ProblemKind kind, std::string why) {
      file.state = State::invalid;
      problem(kind, file.path, std::move(why));
    };
    judge_content(file, invalid);
    silent_ = false;
    if (!file.asked) return;
    switch (file.state) {
      case State::valid:
        ++report_.digests.valid;
        break;
      case State::invalid:
        ++report_.digests.invalid;
        break;
      case State::unproven:
        ++report_.digests.unproven;
        break;
    }
  }

  template <class F>
  void judge_content(DigestFile& file, const F& invalid) {
    if (file.error) {
      invalid(ProblemKind::digest_unreadable, file.error->what);
      return;
    }
    if (file.appended)
      invalid(ProblemKind::digest_modified, "data follows what CloudTrail wrote, which no signature covers");
    const bool in_its_folder = file.key.find('/') != std::string::npos;
    if (file.key != (in_its_folder ? std::string(archive_key(file.digest.key)) : name_in(file.digest.key)))
      invalid(ProblemKind::digest_moved, "it was signed for another place: " + file.digest.key);
    if (file.state != State::invalid) judge_signature(file, invalid);
  }

  template <class F>
  void judge_signature(DigestFile& file, const F& invalid) {
    const auto after = successors_.find(name_in(file.key));
    const std::string text = signed_text(file.digest, file.sha256);
    bool refuted = false, tried = false, unknown_key = false;
    const auto attempt = [&](const std::string& signature, bool trusted) {
      tried = true;
      switch (keys_.verify(file.digest.fingerprint, text, signature)) {
        case PublicKeys::Answer::valid:
          file.state = State::valid;
          break;
        case PublicKeys::Answer::invalid:
          refuted = refuted || trusted;
          break;
        case PublicKeys::Answer::no_key:
          unknown_key = true;
          break;
      }
    };
    if (file.metadata) attempt(file.metadata->signature, true);
    if (after != successors_.end()) {
      for (const DigestFile* next : after->second) {
        attempt(next->digest.previous_signature, next->state == State::valid);
        if (next->state == State::valid && !next->digest.previous_sha256.empty() &&
            next->digest.previous_sha256 != file.sha256) {
          invalid(ProblemKind::digest_modified, "it is not the content that the digest after it names");
          return;
        }
      }
    }
    if (file.state == State::valid) return;
    if (refuted) {
      invalid(ProblemKind::digest_modified, "its signature does not fit its content");
    } else if (unknown_key) {
      problem(ProblemKind::key_unknown, file.path,
              "no public key with fingerprint " + file.digest.fingerprint + " was given");
    } else if (tried) {
      problem(ProblemKind::signature_absent, file.path,
              "only a digest that is not valid itself tells its signature, and that does not fit");
    } else {
      problem(
          ProblemKind::signature_absent, file.path,
          "its signature is in the metadata of its object and in the digest after it, and neither is here");
    }
  }

  void judge_links() {
    std::set<std::string> missing;
    for (std::size_t i = 1; i < files_.size(); ++i) {
      const Digest &before = files_[i - 1]->digest, &now = files_[i]->digest;
      if (files_[i - 1]->key == files_[i]->key) continue;  // a copy
      const std::string previous = name_in(now.previous_key);
      if (now.previous_key.empty()) {
        problem(ProblemKind::chain_gap, files_[i]->path,
                "the chain begins anew: nothing proves what happened " + between(before.end, now.start));
      } else if (!by_name_.contains(previous)) {
        // One that cannot be read is told of already.
        if (unreadable_.contains(previous) || !missing.insert(previous).second) continue;
        ++report_.digests.missing;
        problem(
            ProblemKind::digest_missing, now.previous_key,
            "the digest after it names it; nothing proves what happened " + between(before.end, now.start));
      } else if (now.start > before.end) {
        problem(ProblemKind::chain_gap, files_[i]->path,
                "no digest covers " + between(before.end, now.start));
      }
    }
  }

  void judge_ends() {
    const Digest& first = files_.front()->digest;
    const std::string start = format_time_seconds(first.start);
    if (first.previous_key.empty()) {
      report_.notes.push_back(fmt::format(
          "The chain begins at {}: validation was switched on then, or somebody removed what came before.",
          start));
      if (settings_.from && first.start > *settings_.from)
        problem(ProblemKind::not_covered, "",
                "nothing proves what happened " + between(*settings_.from, first.start));
    } else if (settings_.from && first.start > *settings_.from) {
      ++report_.digests.missing;
      problem(ProblemKind::digest_missing, first.previous_key,
              "the digest after it names it; nothing proves what happened " +
                  between(*settings_.from, first.start));
    } else if (!settings_.from) {
      report_.notes.push_back(fmt::format("What came before {} is not here.", start));
    }
    if (settings_.to && report_.to < *settings_.to)
      problem(ProblemKind::chain_cut, "",
              "the newest digests are missing: nothing proves what happened " +
                  between(report_.to, *settings_.to));
  }

  const VerifySettings& settings_;
  const PublicKeys& keys_;
  std::vector<DigestFile*> files_;
  ChainReport& report_;
  bool silent_ = false;
  std::map<std::string, std::vector<DigestFile*>> by_name_, successors_;  // of those that can be read
  std::set<std::string> unreadable_;
};

struct Check {
  ChainReport* chain;
  const DigestFile* digest;
  const LogHash* log;
  LogFile* file;  // nullptr: not here
  Result<Content> content = Content{};
};

// Hashes what the digests name, on all workers, and tells in order.
void check_logs(std::vector<Check>& checks, const VerifySettings& settings, const Archive& archive,
                Workers& workers, VerifyReport& report) {
  const auto known = [&](const LogFile* file) -> KnownHashes::Hash* {
    if (settings.known == nullptr || file == nullptr || file->tag == 0) return nullptr;
    const auto at = settings.known->all.find(file->path);
    return at != settings.known->all.end() && at->second.tag == file->tag ? &at->second : nullptr;
  };
  workers.parallel_for(checks.size(), [&](unsigned, std::size_t i) {
    Check& check = checks[i];
    if (check.file == nullptr) return;
    if (const KnownHashes::Hash* hash = known(check.file)) {
      check.content = Content{.sha256 = hash->sha256, .text = {}, .appended = hash->appended, .metadata = {}};
    } else {
      check.content = read_content(archive, check.file->path, settings.limits, false);
    }
  });
  for (Check& check : checks) {
    if (check.file != nullptr && settings.known != nullptr && check.file->tag != 0 && check.content)
      settings.known->all[check.file->path] = {check.file->tag, check.content->sha256,
                                               check.content->appended};
    ChainReport& chain = *check.chain;
    const auto problem = [&](std::uint64_t& count, ProblemKind kind, std::string detail) {
      ++count;
      chain.problems.push_back(
          {kind, check.file != nullptr ? check.file->path : check.log->key, std::move(detail)});
    };
    if (check.file == nullptr) {
      problem(chain.logs.missing, ProblemKind::log_missing,
              "digest " + std::string(check.digest->path) + " names it");
    } else if (!check.content && is_unreachable(archive, check.content.error())) {
      report.failures.emplace_back(check.file->path, check.content.error().message());
      ++chain.logs.unproven;
    } else if (!check.content) {
      problem(chain.logs.unreadable, ProblemKind::log_unreadable, check.content.error().what);
    } else if (check.content->appended) {
      problem(chain.logs.appended, ProblemKind::log_appended,
              "data follows what CloudTrail wrote, which its hash does not cover");
    } else if (check.content->sha256 != check.log->sha256) {
      problem(chain.logs.modified, ProblemKind::log_modified,
              "its content is not what digest " + check.digest->path + " has");
    } else if (check.digest->state == State::valid) {
      ++chain.logs.valid;
    } else {
      ++chain.logs.unproven;
    }
  }
}

std::vector<Span> merged(std::vector<Span> spans) {
  std::ranges::sort(spans);
  std::vector<Span> out;
  for (const Span& span : spans) {
    if (!out.empty() && span.first <= out.back().second) {
      out.back().second = std::max(out.back().second, span.second);
    } else {
      out.push_back(span);
    }
  }
  return out;
}

// The log files that no digest names: added by somebody, too new, or delivered when there were no digests.
void judge_unnamed(const VerifySettings& settings, const Collected& archive, VerifyReport& report) {
  std::map<Place, std::vector<Span>> covered;
  for (const DigestFile& file : archive.digests)
    if (!file.error)
      covered[{file.name.account, file.name.region}].emplace_back(file.digest.start, file.digest.end);
  for (auto& [place, spans] : covered) spans = merged(std::move(spans));
  std::map<Place, std::vector<const LogFile*>> unnamed;
  std::map<Place, TimeMs> newest;
  for (const LogFile& log : archive.logs) {
    if ((settings.from && log.name.time < *settings.from) || (settings.to && log.name.time > *settings.to))
      continue;
    const Place place{log.name.account, log.name.region};
    newest[place] = std::max(newest.try_emplace(place, log.name.time).first->second, log.name.time);
    if (!log.named) unnamed[place].push_back(&log);
  }
  for (const auto& [place, logs] : unnamed) {
    VerifyReport::Uncovered out{place.first, place.second, {}, {}};
    const std::vector<Span>& spans = covered[place];
    const TimeMs end = spans.empty() ? std::numeric_limits<TimeMs>::max() : spans.back().second;
    const bool cut = !spans.empty() && newest[place] - end > overdue;
    for (const LogFile* log : logs) {
      const TimeMs time = log->name.time;
      const bool inside = std::ranges::any_of(
          spans, [&](const Span& span) { return time >= span.first + edge && time <= span.second - edge; });
      if (inside) {
        ++out.logs.unlisted;
        out.problems.push_back({ProblemKind::log_unlisted, log->path,
                                "no digest names it, though digests cover the time of its delivery"});
      } else if (!spans.empty() && time > end - edge && !cut) {
        ++out.logs.pending;
      } else {
        ++out.logs.unproven;
      }
    }
    if (cut)
      out.problems.push_back({ProblemKind::chain_cut, "",
                              "the newest digests are missing: log files were delivered until " +
                                  format_time_seconds(newest[place]) + ", digests end at " +
                                  format_time_seconds(end)});
    if (out.logs.unproven > 0)
      out.problems.push_back(
          {ProblemKind::not_covered, "",
           fmt::format("{} log files lie where no digest covers the time of their delivery",
                       out.logs.unproven)});
    report.uncovered.push_back(std::move(out));
  }
}

// A trail of several Regions has digests of all of them in every hour, whether or not anything was logged.
void compare_ends(VerifyReport& report) {
  std::map<std::array<std::string, 3>, TimeMs> newest;
  const auto trail_of = [](const ChainReport& chain) {
    return std::array<std::string, 3>{chain.account, chain.trail, chain.home_region};
  };
  for (const ChainReport& chain : report.chains) {
    if (chain.backfill || chain.to == 0) continue;
    TimeMs& time = newest[trail_of(chain)];
    time = std::max(time, chain.to);
  }
  for (ChainReport& chain : report.chains) {
    if (chain.backfill || chain.to == 0) continue;
    const TimeMs end = newest[trail_of(chain)];
    if (end - chain.to > overdue)
      chain.problems.push_back(
          {ProblemKind::chain_cut, "",
           "the newest digests are missing: those of another Region of the trail reach " +
               format_time_seconds(end) + ", these end at " + format_time_seconds(chain.to)});
  }
}

}  // namespace

std::string_view name_of(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::digest_unreadable:
      return "digest_unreadable";
    case ProblemKind::digest_moved:
      return "digest_moved";
    case ProblemKind::digest_modified:
      return "digest_modified";
    case ProblemKind::digest_missing:
      return "digest_missing";
    case ProblemKind::chain_gap:
      return "chain_gap";
    case ProblemKind::chain_cut:
      return "chain_cut";
    case ProblemKind::log_unreadable:
      return "log_unreadable";
    case ProblemKind::log_modified:
      return "log_modified";
    case ProblemKind::log_appended:
      return "log_appended";
    case ProblemKind::log_missing:
      return "log_missing";
    case ProblemKind::log_unlisted:
      return "log_unlisted";
    case ProblemKind::key_unknown:
      return "key_unknown";
    case ProblemKind::signature_absent:
      return "signature_absent";
    case ProblemKind::not_covered:
      return "not_covered";
  }
  return "";
}

bool is_fault(ProblemKind kind) { return kind < ProblemKind::key_unknown; }

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::intact:
      return "intact";
    case Verdict::unproven:
      return "unproven";
    case Verdict::broken:
      return "broken";
  }
  return "";
}

Verdict VerifyReport::verdict() const {
  Verdict worst = failures.empty() && !chains.empty() ? Verdict::intact : Verdict::unproven;
  const auto take = [&](const std::vector<Problem>& problems) {
    for (const Problem& problem : problems)
      worst = std::max(worst, is_fault(problem.kind) ? Verdict::broken : Verdict::unproven);
  };
  for (const ChainReport& chain : chains) take(chain.problems);
  for (const Uncovered& place : uncovered) take(place.problems);
  return worst;
}

void KnownHashes::forget() {
  std::erase_if(all, [](const auto& item) { return !item.second.asked_for; });
  for (auto& [path, hash] : all) hash.asked_for = false;
}

std::optional<TimeMs> newest_digest(const Listing& listing) {
  std::optional<TimeMs> newest;
  for (const ListedFile& file : listing.files) {
    const auto name = read_name(archive_key(file.path));
    if (name && name->digest) newest = std::max(newest.value_or(name->time), name->time);
  }
  return newest;
}

VerifyReport verify_archive(const VerifySettings& settings, const PublicKeys& keys, Workers& workers) {
  static const FileArchive files;
  const Archive& place = settings.archive != nullptr ? *settings.archive : files;
  VerifyReport report;
  Collected archive = collect(settings, place, report);
  if (place.is_remote() && !report.failures.empty()) return report;
  workers.parallel_for(archive.digests.size(),
                       [&](unsigned, std::size_t i) { load(archive.digests[i], place, settings.limits); });
  for (const DigestFile& file : archive.digests)
    if (file.error && is_unreachable(place, *file.error))
      report.failures.emplace_back(file.path, file.error->message());
  if (place.is_remote() && !report.failures.empty()) return report;
  std::map<std::pair<std::string, bool>, std::vector<DigestFile*>> chains;
  for (DigestFile& file : archive.digests)
    chains[{file.name.chain, file.metadata && file.metadata->backfill}].push_back(&file);
  report.chains.reserve(chains.size());  // Checks point into it.
  std::vector<Check> checks;
  for (auto& [chain, files] : chains) {
    const FileName& name = files.front()->name;
    ChainReport& out = report.chains.emplace_back();
    out.account = name.account;
    out.region = name.region;
    out.trail = name.trail;
    out.home_region = name.home_region;
    out.backfill = chain.second;
    ChainJudge(settings, keys, files, out).judge();
    for (const DigestFile* file : files) {
      if (file->error) continue;
      for (const LogHash& log : file->digest.logs) {
        std::string key(archive_key(log.key));
        auto at = archive.logs_by_key.find(key);
        if (at == archive.logs_by_key.end()) at = archive.logs_by_key.find(key.substr(key.rfind('/') + 1));
        if (at == archive.logs_by_key.end()) {
          if (file->asked) checks.push_back({&out, file, &log, nullptr});
          continue;
        }
        for (const std::size_t number : at->second) {
          archive.logs[number].named = true;
          if (file->asked) checks.push_back({&out, file, &log, &archive.logs[number]});
        }
      }
    }
  }
  check_logs(checks, settings, place, workers, report);
  compare_ends(report);
  judge_unnamed(settings, archive, report);
  return report;
}

}  // namespace picket::integrity
