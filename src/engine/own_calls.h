// The calls that picket's playbooks made: their records raise nothing. A call is known by the request id that
// AWS gave it and the key that signed it, so that nobody else's call passes for one, not even with that key.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <string_view>

#include "base/hash.h"
#include "event/cloudtrail_event.h"

namespace picket {

class OwnCalls {
 public:
  // "ACCESS_KEY_ID REQUEST_ID".
  void add(std::string_view call) {
    const std::size_t space = call.find(' ');
    if (space != std::string_view::npos)
      calls_.insert(hash_of(call.substr(0, space), call.substr(space + 1)));
  }
  bool contains(const CloudTrailEvent& event) const {
    return !calls_.empty() && !event.request_id.empty() &&
           calls_.contains(hash_of(event.user_identity.access_key_id, event.request_id));
  }

 private:
  static std::uint64_t hash_of(std::string_view key, std::string_view request) {
    return hash64(request, hash64(key));
  }
  boost::unordered_flat_set<std::uint64_t> calls_;
};

}  // namespace picket
