// Threat intelligence feeds: the table of those picket knows, the copies kept of them, and fetching what is
// new. A feed that cannot be fetched or read keeps its last good copy; how old that is can be seen.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "config/config.h"
#include "enrich/intel_config.h"
#include "net/http_client.h"

namespace picket {

struct Feed {
  std::string name, url, home, licence;
  std::string checksum_url;          // of a file whose first word is the content's SHA-256; empty: none
  std::string key_header, key_file;  // a key of the user's, sent in that header
  IntelCategory category = IntelCategory::malicious;
  std::optional<IntelFormat> format;
  DomainMatch match = DomainMatch::subdomains;
  TimeMs refresh = day_ms;
  bool enabled = true;
};

// The built-in table (data/intel/feeds.toml) with the configuration's changes and additions.
Result<std::vector<Feed>> feeds_of(const Config& config);

// What is known of the copy of one feed.
struct FeedCopy {
  std::string url, sha256, etag, last_modified;
  TimeMs fetched = 0;  // when its maintainers last gave it or said that it is the same
  TimeMs tried = 0;    // when it was last asked for
  std::string error;   // of the last try; empty: it succeeded
  std::size_t entries = 0, set_aside = 0;
  bool operator==(const FeedCopy&) const = default;
};

// A folder with feeds.json and the content of the copies, named by its hash.
class FeedCache {
 public:
  static Result<FeedCache> open(const std::filesystem::path& folder);

  const FeedCopy* find(const std::string& name) const;
  Result<std::string> content(const FeedCopy& copy) const;
  // Durable, content first. An empty content leaves the one that is there.
  Result<void> keep(const std::string& name, FeedCopy copy, std::string_view content);

 private:
  explicit FeedCache(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path folder_;
  std::map<std::string, FeedCopy> copies_;
};

// A copy that missed three refreshes, and two days at least, is old.
bool is_old(const Feed& feed, const FeedCopy& copy, TimeMs now);

enum class FeedOutcome : std::uint8_t { updated, unchanged, not_due, off, failed };
struct FeedReport {
  std::string name;
  FeedOutcome outcome = FeedOutcome::off;
  std::string detail;  // what was set aside, why it failed or is off
  std::size_t entries = 0;
};

using Fetch = std::function<Result<net::Response>(const net::Request&, const net::HttpLimits&)>;

// Where the copies of a data directory are.
std::filesystem::path feeds_folder(const std::string& data_dir);

// Asks for every enabled feed that is due, or for all of them with `all`. Fails when the folder cannot be
// used or another process updates it; what befalls a feed stands in its report.
Result<std::vector<FeedReport>> update_feeds(std::span<const Feed> feeds, const std::filesystem::path& folder,
                                             const Fetch& fetch, TimeMs now, bool all);

// The enabled feeds of which there is a copy, as lists; `as_of` is when the copy was fetched.
struct FeedList {
  IntelListConfig config;
  std::string sha256;
};
std::vector<FeedList> feed_lists(std::span<const Feed> feeds, const FeedCache& cache);

}  // namespace picket
