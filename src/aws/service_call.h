// One signed call to an AWS service, or to what speaks its protocol. Objects in S3 have a client of their own
// (aws/s3.h).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "aws/caller_keys.h"
#include "aws/s3.h"
#include "base/result.h"
#include "base/time.h"
#include "net/http_client.h"

namespace picket::aws {

struct ServiceCall {
  std::string service;  // as signatures name it: "events", "sqs", "states"
  std::string region;
  std::string endpoint;  // "http://127.0.0.1:5000"; empty: AWS, by service and Region
  std::string path = "/";
  std::string content_type;
  std::string_view body;
  HttpHeaders more;  // X-Amz-Target and the like; signed
  TimeMs timeout = 10 * second_ms;
  std::string method = "POST";
  std::string query = {};  // encoded, without the question mark
};

// What a service said of one call, whether it did what was asked or refused.
struct ServiceAnswer {
  unsigned status = 0;
  std::string body;
  std::string request_id;     // as CloudTrail's record of the call has it; empty where the service tells none
  std::string code, message;  // of a refusal
};

class ServiceCaller {
 public:
  // `http` outlives the caller. Without a key every call is refused. `clock` is the wall clock.
  ServiceCaller(const net::HttpClient& http, std::optional<CallerKey> key, std::function<TimeMs()> clock)
      : http_(http), key_(std::move(key)), clock_(std::move(clock)) {}

  // The answer's body. Errors: `io` when trying again may help (the network, 5xx, throttling), else
  // `invalid`; both tell the service's own code and message.
  Result<std::string> call(const ServiceCall& call) const;
  // The answer whatever it says; an error only when there was none (`io`) or nothing to sign with.
  Result<ServiceAnswer> exchange(const ServiceCall& call) const;

 private:
  const net::HttpClient& http_;
  const std::optional<CallerKey> key_;
  const std::function<TimeMs()> clock_;
};

struct Arn {
  std::string partition, service, region, account, resource;
};
std::optional<Arn> parse_arn(std::string_view text);

// Whether trying again may help against a refusal of this status and code.
bool may_pass(unsigned status, std::string_view code);

// "https://sqs.eu-west-1.amazonaws.com"; IAM has one for each partition.
std::string service_endpoint(std::string_view service, std::string_view region);

}  // namespace picket::aws
