// The keys with which picket itself calls AWS or an S3-compatible store: from a file in the AWS
// shared-credentials format, or from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. Not the
// keys that picket's own API accepts (aws/credentials.h).
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace picket::aws {

struct CallerKey {
  std::string access_key_id, secret_access_key, session_token;
};

// `file` empty: the environment, and nothing when that has none. A file that lacks the profile is an error.
Result<std::optional<CallerKey>> load_caller_key(const std::string& file, const std::string& profile);

}  // namespace picket::aws
