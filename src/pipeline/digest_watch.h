// Verifies CloudTrail's digest chains while the server runs: every so often those of the last day, in the
// folders and buckets that are watched. A fault is told when two looks in a row see it, so that a copy under
// way is none. It has a thread of its own and tells what it found to whoever asks; what that means for
// findings enters the input log there.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/workers.h"
#include "engine/gap.h"
#include "integrity/verify.h"

namespace picket {

struct DigestFault {
  std::string kind, object, detail;  // as integrity::Problem
  std::string account, region;
  TimeMs time = 0;  // until when the chain's digests reach
};

// A control record's body, and what it says.
std::string digest_faults_body(const std::vector<DigestFault>& faults);
Result<std::vector<DigestFault>> read_digest_faults(std::string_view body);
// What the engine is told of it.
Gap gap_of(const DigestFault& fault);

struct DigestWatchSettings {
  std::vector<std::string> folders;  // files and globs too
  struct Bucket {
    std::string place;  // "s3://BUCKET/PREFIX"
    std::shared_ptr<const integrity::Archive> archive;
  };
  std::vector<Bucket> buckets;
  TimeMs every = 10 * minute_ms;
  TimeMs look_back = 26 * hour_ms;  // a day, and the digest before it
  integrity::PublicKeys keys;
};

struct DigestStatus {
  std::uint64_t looks = 0, chains = 0, faults = 0, unproven = 0;  // of the last look but `looks`
  std::uint64_t digests_valid = 0, logs_valid = 0;
  std::string failure;  // why a place could not be looked at; empty: all were
  TimeMs last = 0;
};

class DigestWatch {
 public:
  DigestWatch(DigestWatchSettings settings, std::function<TimeMs()> wall_clock)
      : settings_(std::move(settings)), wall_clock_(std::move(wall_clock)) {}
  void start();
  void stop();
  // Faults that were not told yet.
  std::vector<DigestFault> take();
  DigestStatus status() const;
  // One look, now; for tests and the thread.
  void look();

 private:
  struct ChainLag {
    TimeMs since = 0;    // it is watched
    TimeMs end = 0;      // of its newest digest
    TimeMs longest = 0;  // that it lay behind the clock before another came
  };
  integrity::VerifyReport verify_folder(const std::string& folder) const;
  integrity::VerifyReport verify_bucket(const DigestWatchSettings::Bucket& bucket);
  using Seen = std::map<std::string, DigestFault>;
  void take_in(const integrity::VerifyReport& report, const std::string& place, Seen& seen,
               DigestStatus& status);
  std::optional<DigestFault> overdue(const integrity::ChainReport& chain);

  const DigestWatchSettings settings_;
  const std::function<TimeMs()> wall_clock_;
  mutable std::mutex mutex_;
  DigestStatus status_;
  integrity::KnownHashes known_;                         // of the buckets' log files
  std::map<std::string, TimeMs> newest_;                 // end of the newest digest, by bucket
  std::map<std::array<std::string, 3>, ChainLag> lags_;  // by account, Region and trail
  std::map<std::string, DigestFault> suspected_;         // by the last look
  std::set<std::string> told_;
  std::vector<DigestFault> fresh_;
  std::jthread thread_;
};

}  // namespace picket
