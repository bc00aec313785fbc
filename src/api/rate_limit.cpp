#include "api/rate_limit.h"

#include <algorithm>

namespace picket::api {

bool RateLimit::allow(std::string_view access_key_id, TimeMs now) {
  const std::scoped_lock lock(mutex_);
  auto found = buckets_.find(access_key_id);
  if (found == buckets_.end()) found = buckets_.emplace(access_key_id, Bucket{burst_, now}).first;
  Bucket& bucket = found->second;
  // A clock that was set back gives nothing and takes nothing.
  const auto passed_ms = static_cast<double>(std::max<TimeMs>(0, now - bucket.at));
  bucket.tokens = std::min(burst_, bucket.tokens + passed_ms / static_cast<double>(second_ms) * per_second_);
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace picket::api
