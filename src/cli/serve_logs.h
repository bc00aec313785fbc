// What `picket serve` reads: folders, buckets and what is pushed, as configuration and flags name them.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli/pushed.h"
#include "config/config.h"
#include "pipeline/live.h"

namespace picket::cli {

struct ServeFlags {
  std::string config, data_dir, listen = "127.0.0.1:7788", baseline;
  std::vector<std::string> watch;
  unsigned threads = 0;
  bool exit_when_done = false;
};

class ServedLogs {
 public:
  static Result<std::unique_ptr<ServedLogs>> make(const Config& config, const ServeFlags& flags);

  LiveSettings& settings() { return settings_; }
  const LiveSettings& settings() const { return settings_; }
  PushedSources& pushed() { return *pushed_; }
  bool any() const;
  // Among what is watched and what was pushed, as findings name objects: by their keys below the folder that
  // holds them, in the bucket, or of the batch. One at a time, from any thread: a large object must be
  // decoded up to the record.
  Result<std::string> read_record(const std::string& object, std::uint64_t position);

 private:
  ServedLogs(const Config& config, const ServeFlags& flags);

  LiveSettings settings_;
  const Spool spool_;
  std::vector<std::unique_ptr<S3Source>> buckets_;
  PushedArchive pushed_archive_;
  Inbox inbox_;
  std::optional<PushedSources> pushed_;
  std::timed_mutex reading_;
};

}  // namespace picket::cli
