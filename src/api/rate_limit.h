// A token bucket per access key, so that one client in a loop leaves room for the others. Thread-safe;
// time is given, never read.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/time.h"

namespace picket::api {

class RateLimit {
 public:
  // A key may spend `burst` calls at once and gets `per_second` back each second.
  RateLimit(unsigned per_second, unsigned burst) : per_second_(per_second), burst_(burst) {}
  bool allow(std::string_view access_key_id, TimeMs now);

 private:
  struct Bucket {
    double tokens = 0;
    TimeMs at = 0;
  };
  const double per_second_, burst_;
  std::mutex mutex_;
  std::map<std::string, Bucket, std::less<>>
      buckets_;  // as many as there are keys: only verified ones get here
};

}  // namespace picket::api
