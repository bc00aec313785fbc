// GuardDuty's REST API over a store: route, authenticate, authorise, validate, handle. No sockets here:
// one request in, one response out, from any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "api/backend.h"
#include "api/handlers.h"
#include "api/rate_limit.h"
#include "api/replay.h"
#include "api/response.h"
#include "api/router.h"
#include "aws/credentials.h"
#include "aws/sigv4.h"

namespace picket::api {

struct ServiceSettings {
  aws::VerifierSettings verifier;
  std::size_t replay_entries_max = 10'000;
  // Of one access key: the design point is 500 a second of all together.
  unsigned calls_per_second_max = 1000;
  unsigned calls_burst_max = 2000;
};

class Service {
 public:
  // `keys` outlives the service.
  Service(Backend backend, aws::KeyStore& keys, ServiceSettings settings = {});

  Response handle(const aws::HttpRequest& request);

  // Prometheus text: calls by operation and status.
  std::string metrics();

 private:
  struct Outcome {
    Answer answer;
    unsigned status = 200;
  };
  Outcome run(const Route& route, const aws::Credential& caller, const std::string& region,
              const aws::HttpRequest& request, TimeMs now);
  Response authenticated(const Route& route, const aws::HttpRequest& request, TimeMs now);
  void forget_tokens(TimeMs now);
  void count(std::string_view operation, unsigned status);

  Backend backend_;
  aws::KeyStore& keys_;
  ServiceSettings settings_;
  Router router_;
  std::map<std::string_view, Handler> handlers_;
  ReplayCache replays_;
  RateLimit rate_limit_;
  std::mutex changes_;              // one changing call at a time: handlers read settings, then write them
  TimeMs tokens_forgotten_at_ = 0;  // guarded by changes_
  std::mutex counters_mutex_;
  std::map<std::pair<std::string, unsigned>, std::uint64_t> counters_;
};

// Whether the operation changes anything, by its name.
bool is_changing(std::string_view operation);

// What a role may do; the account walls hold besides.
bool is_allowed(aws::Role role, std::string_view operation);

// The error as a response in GuardDuty's form.
Response error_response(const ApiError& error);

}  // namespace picket::api
