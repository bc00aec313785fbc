// What a running server says of its sources: kept in a file of the data directory, where `picket sources`
// finds it.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipeline/runner.h"
#include "source/push_source.h"
#include "source/s3_source.h"

namespace picket {

struct SourceReport {
  std::string name, place;
  SourceTotals totals;
  std::uint64_t waiting = 0;                            // objects that are known and not read
  TimeMs lag = 0;                                       // how long the oldest of them has been there
  double bytes_per_second = 0, records_per_second = 0;  // of the last minute
  std::optional<S3SourceStatus> bucket;
  std::optional<PushStatus> pushed;
  bool failing = false;
  std::string last_error;
  TimeMs last_error_at = 0;
};

// The rate of one source.
class RateMeter {
 public:
  void measure(TimeMs now, SourceReport& report);

 private:
  struct Sample {
    TimeMs time = 0;
    std::uint64_t bytes = 0, records = 0;
  };
  std::deque<Sample> samples_;
};

std::string sources_json(const std::vector<SourceReport>& sources, TimeMs now);

// What cannot be written is left out: it says only how things are at this moment.
void write_sources(const std::string& data_dir, const std::vector<SourceReport>& sources, TimeMs now);
// The text of sources_json, as last written.
Result<std::string> read_sources(const std::string& data_dir);

}  // namespace picket
