// Calls to AWS with the keys of one account, in one Region, and what was called: so that picket knows its own
// calls again when CloudTrail tells of them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/service_call.h"
#include "aws/xml.h"

namespace picket::playbook {

// CloudTrail's record of the call has the same request id and access key.
struct MadeCall {
  TimeMs time = 0;
  std::string event_source, event_name, region, request_id, access_key_id;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

class AwsSession {
 public:
  struct Place {
    std::string account, region;
    std::string endpoint;  // of every service; empty: AWS
  };
  // `http` outlives it. `clock` is the wall clock.
  AwsSession(const net::HttpClient& http, aws::CallerKey key, Place place, std::function<TimeMs()> clock)
      : caller_(http, key, clock), key_(std::move(key)), place_(std::move(place)), clock_(std::move(clock)) {}

  const Place& place() const { return place_; }
  const aws::CallerKey& key() const { return key_; }

  // Errors: `not_found` when what is named does not exist, `conflict` when it has changed meanwhile, `io`
  // when trying again may help, else `invalid`.
  Result<aws::Xml> ec2(std::string_view action, const Parameters& parameters);
  Result<aws::Xml> autoscaling(std::string_view action, const Parameters& parameters);
  Result<aws::Xml> iam(std::string_view action, const Parameters& parameters);
  Result<aws::Xml> sts(std::string_view action);
  Result<std::string> waf(std::string_view operation, std::string_view body, bool cloudfront);
  // `subresource` is "publicAccessBlock". `action` is what CloudTrail names the call.
  Result<std::string> s3(const std::string& method, std::string_view action, const std::string& bucket,
                         const std::string& subresource, std::string_view body);

  // Made since the last time.
  std::vector<MadeCall> take_calls() { return std::exchange(calls_, {}); }

 private:
  Result<std::string> call(aws::ServiceCall call, std::string_view action);
  Result<aws::Xml> query(std::string_view service, std::string_view version, std::string_view action,
                         const Parameters& parameters, const std::string& region);

  const aws::ServiceCaller caller_;
  const aws::CallerKey key_;
  const Place place_;
  const std::function<TimeMs()> clock_;
  std::vector<MadeCall> calls_;
};

}  // namespace picket::playbook
