// The key to call with: the caller's own, or that of a role it assumes through STS, fetched again before it
// ends.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "aws/caller_keys.h"
#include "aws/service_call.h"
#include "base/result.h"
#include "base/time.h"

namespace picket::aws {

struct RoleSettings {
  std::string arn;  // empty: the caller's own key
  std::string external_id;
  std::string region;    // of STS
  std::string endpoint;  // empty: AWS
};

class RoleKey {
 public:
  // `http` outlives it. `clock` is the wall clock.
  RoleKey(const net::HttpClient& http, std::optional<CallerKey> own, RoleSettings settings,
          std::function<TimeMs()> clock)
      : http_(http), own_(std::move(own)), settings_(std::move(settings)), clock_(std::move(clock)) {}

  // Nothing when there is no key at all. Any thread may ask.
  Result<std::optional<CallerKey>> get();

 private:
  const net::HttpClient& http_;
  const std::optional<CallerKey> own_;
  const RoleSettings settings_;
  const std::function<TimeMs()> clock_;
  std::mutex mutex_;
  std::optional<CallerKey> assumed_;
  TimeMs ends_ = 0;
};

// A role's key and its end, of what STS answers to AssumeRole.
struct AssumedKey {
  CallerKey key;
  TimeMs ends = 0;
};
std::optional<AssumedKey> parse_assumed_key(std::string_view xml);

}  // namespace picket::aws
