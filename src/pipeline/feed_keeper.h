// Keeps the feeds of a running server fresh: those that `picket intel update` has fetched once are fetched
// again when they are due, and copies that it fetches meanwhile are noticed. One thread runs it.
#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/content_folder.h"
#include "pipeline/feeds.h"
#include "store/finding_store.h"

namespace picket {

class FeedKeeper {
 public:
  // The references outlive the keeper. `folder` is that of a FeedCache.
  FeedKeeper(std::vector<Feed> feeds, std::filesystem::path folder, Fetch fetch, FindingStore& store,
             ContentFolder& contents, std::function<TimeMs()> wall_clock);

  // Makes the copies that are there hold; without a change nothing is written.
  Result<void> publish();
  // Fetches what is due, and publishes.
  Result<void> turn();
  void run(const std::stop_token& stop);
  // What is known of every feed, a JSON list: name, category, home, licence, enabled, entries, fetchedAt,
  // triedAt, error, old.
  Result<std::string> told() const;

 private:
  const std::vector<Feed> feeds_;
  const std::filesystem::path folder_;
  const Fetch fetch_;
  FindingStore& store_;
  ContentFolder& contents_;
  const std::function<TimeMs()> wall_clock_;
  std::set<std::string> kept_;  // hashes that it kept: while a setting names them, they are there
};

}  // namespace picket
