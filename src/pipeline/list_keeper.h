// Moves the sets of the API on: fetches what was activated, checks it, keeps its content and says in the
// set's status how that went. The content takes effect when Live notices the changed setting. One thread runs
// it.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "aws/s3.h"
#include "base/workers.h"
#include "enrich/intel_config.h"
#include "net/http_client.h"
#include "pipeline/content_folder.h"
#include "store/finding_store.h"
#include "store/list_sets.h"

namespace picket {

struct ListKeeperSettings {
  std::vector<std::string> folders;  // of which a set's location may be a file
  IntelSetLimits limits;
  TimeMs deleted_kept = day_ms;  // how long a deleted set is still answered
};

class ListKeeper {
 public:
  // All references outlive the keeper.
  ListKeeper(ListKeeperSettings settings, FindingStore& store, ContentFolder& contents,
             const net::HttpClient& http, const aws::S3Client& s3, std::function<TimeMs()> wall_clock);

  // Sets that wait for nothing cost one look at the settings' version.
  Result<void> turn();
  void run(const std::stop_token& stop);

 private:
  Result<void> move_on(ListSet set);
  void activate(ListSet& set);
  bool is_forgotten(const ListSet& set) const;
  Result<std::string> fetch(const ListSet& set) const;
  Result<std::string> read_file(const std::string& location) const;

  const ListKeeperSettings settings_;
  FindingStore& store_;
  ContentFolder& contents_;
  const net::HttpClient& http_;
  const aws::S3Client& s3_;
  const std::function<TimeMs()> wall_clock_;
  Workers workers_;  // so that one slow place does not hold up the others
  std::uint64_t seen_version_ = 0;
  TimeMs looked_at_ = 0;
};

}  // namespace picket
