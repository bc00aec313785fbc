// SigV4 has no nonce: a recorded request is valid again until its date is too old. The first answers to
// changing calls are kept that long and given again, so that a replay changes nothing and an SDK's retry,
// which carries the same signature, gets the answer it missed. Thread-safe.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/response.h"
#include "base/time.h"

namespace picket::api {

class ReplayCache {
 public:
  ReplayCache(TimeMs kept_ms, std::size_t entries_max) : kept_ms_(kept_ms), entries_max_(entries_max) {}

  // The answer given to this signature before. Signatures have the client's second in them, so a client that
  // sends A, B, A within that second signs both A alike and means both: a repeat is a new call when
  // another changing call of the key came in between and the first is under two seconds old.
  std::optional<Response> find(std::string_view access_key_id, std::string_view signature, TimeMs now);
  void store(std::string_view access_key_id, std::string_view signature, const Response& response,
             TimeMs now);

 private:
  struct Entry {
    Response response;
    TimeMs at = 0;
    std::uint64_t order = 0;  // of the key's changing calls
  };
  void expire(TimeMs now);

  const TimeMs kept_ms_;
  const std::size_t entries_max_;
  std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;  // by key id and signature
  std::deque<std::pair<TimeMs, std::string>> by_age_;
  std::map<std::string, std::uint64_t, std::less<>> calls_of_key_;
};

}  // namespace picket::api
