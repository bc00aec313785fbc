// Whether the CloudTrail log files of an archive are what CloudTrail delivered, all of it and nothing else,
// proven by the chains of digest files that lie with them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/workers.h"
#include "decode/decoder.h"
#include "integrity/archive.h"
#include "integrity/digest.h"

namespace picket::integrity {

enum class ProblemKind : std::uint8_t {
  // Somebody changed something, or it is not all there.
  digest_unreadable,
  digest_moved,
  digest_modified,
  digest_missing,
  chain_gap,
  chain_cut,  // the newest digests are missing
  log_unreadable,
  log_modified,
  log_appended,
  log_missing,
  log_unlisted,
  // It cannot be known from what is here.
  key_unknown,
  signature_absent,
  not_covered,
};
std::string_view name_of(ProblemKind kind);
bool is_fault(ProblemKind kind);  // else it is only unproven

struct Problem {
  ProblemKind kind;
  std::string object;  // path, or key of what is not here; empty when it concerns a time
  std::string detail;  // one sentence
};

struct DigestCounts {
  std::uint64_t valid = 0, invalid = 0, unproven = 0, missing = 0;
};
struct LogCounts {
  std::uint64_t valid = 0;  // as a valid digest has it
  std::uint64_t unproven =
      0;                      // as a digest has it that is not proven itself, or delivered where no digest is
  std::uint64_t pending = 0;  // newer than the newest digest, which comes hourly
  std::uint64_t modified = 0, appended = 0, missing = 0, unlisted = 0, unreadable = 0;
};

// The digests of one trail in one account and Region, and the log files they name.
struct ChainReport {
  std::string account, region, trail, home_region;
  bool backfill = false;
  TimeMs from = 0, to = 0;  // what its readable digests cover
  DigestCounts digests;
  LogCounts logs;
  std::vector<Problem> problems;
  std::vector<std::string> notes;
};

enum class Verdict : std::uint8_t { intact, unproven, broken };
std::string_view name_of(Verdict verdict);

struct VerifyReport {
  std::vector<ChainReport> chains;
  // Of log files by account and Region, beside the chains: what no chain names.
  struct Uncovered {
    std::string account, region;
    LogCounts logs;
    std::vector<Problem> problems;
  };
  std::vector<Uncovered> uncovered;
  PathFailures failures;
  std::uint64_t other_files = 0;  // neither log files of CloudTrail nor digests
  Verdict verdict() const;
};

// Hashes of log files in a bucket, by path and entity tag, so that who verifies again and again fetches each
// once.
class KnownHashes {
 public:
  struct Hash {
    std::uint64_t tag = 0;
    std::string sha256;
    bool appended = false;
    bool asked_for = true;  // since the last forget()
  };
  std::map<std::string, Hash> all;
  // Drops those that nobody asked for since the last time.
  void forget();
};

struct VerifySettings {
  std::vector<std::string> paths;
  std::optional<TimeMs> from, to;  // the time that must be proven; else what the digests at hand cover
  DecodeLimits limits;
  const Archive* archive = nullptr;  // null: paths are files, folders and globs
  KnownHashes* known = nullptr;      // of one that is remote
};

// The end of the newest digest among the files, by their names; absent when there is none.
std::optional<TimeMs> newest_digest(const Listing& listing);

// Where a remote archive cannot be listed, the report holds nothing but that: what is not listed need not be
// missing.
VerifyReport verify_archive(const VerifySettings& settings, const PublicKeys& keys, Workers& workers);

}  // namespace picket::integrity
