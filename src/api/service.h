// GuardDuty's REST API over a store: route, authenticate, authorise, validate, handle. No sockets here:
// one request in, one response out, from any thread.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "api/backend.h"
#include "api/handlers.h"
#include "api/permissions.h"
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

  // A finding that the caller may see; absent when there is none such.
  Result<std::optional<Finding>> finding(const aws::Credential& caller, const std::string& region,
                                         const std::string& id);

  // A read beyond GuardDuty's API for a caller who is known already: `path` below /picket/v1/.
  Response picket(const aws::Credential& caller, const std::string& region, std::string_view path,
                  std::string_view query);

  // Enrols accounts of the organisation that were seen since the last time; cheap when nothing changed.
  Result<void> enroll();

  // Prometheus text: calls by operation and status.
  std::string metrics();

 private:
  struct Outcome {
    Answer answer;
    unsigned status = 200;
  };
  // What became of a call, and what the audit log tells of it.
  struct Handled {
    Response response;
    std::string operation = "unknown";  // of the metrics
    std::string event_source, event_name, region, request_parameters, response_elements;
    std::optional<aws::Credential> caller;  // known by its key; the signature may have been wrong
    std::optional<ApiError> error;
  };
  using Identity = std::expected<aws::Verified, ApiError>;

  Handled handle_guardduty(const aws::HttpRequest& request, TimeMs now);
  Answer answer_picket_for(const aws::Credential& caller, const std::string& region, std::string_view path,
                           std::string_view query);
  // A call of ours: `operation` is empty where there is none, `action` what the key must be allowed to do,
  // empty for picket:OPERATION. `answer` is asked of callers who may, and can add to what the audit log
  // tells.
  Handled handle_own(const aws::HttpRequest& request, std::string_view operation, std::string_view action,
                     const std::function<Answer(Handled&)>& answer, TimeMs now);
  Handled handle_picket(const aws::HttpRequest& request, TimeMs now);
  Handled handle_respond(const aws::HttpRequest& request, TimeMs now);
  Handled handle_access(const aws::HttpRequest& request, TimeMs now);
  Handled handle_neighbour(std::string_view service, const aws::HttpRequest& request,
                           const std::string& request_id, TimeMs now);
  // Who calls: the signature, the key's rate, and whether the key may do this. `caller` is set for every key
  // that is known.
  Identity authorize(const aws::HttpRequest& request, std::string_view service, std::string_view action,
                     std::optional<aws::Credential>& caller, TimeMs now);
  Response authorized(const Route& route, const aws::HttpRequest& request, const aws::Verified& verified,
                      Handled& handled, TimeMs now);
  Outcome run(const Route& route, const aws::Credential& caller, const std::string& region,
              const aws::HttpRequest& request, TimeMs now);
  void forget_tokens(TimeMs now);
  void count(std::string_view operation, unsigned status);
  void audit(const Handled& handled, const aws::HttpRequest& request, std::string_view request_id,
             TimeMs now);

  Backend backend_;
  aws::KeyStore& keys_;
  ServiceSettings settings_;
  Router router_;
  std::map<std::string_view, Handler> handlers_;
  ReplayCache replays_;
  RateLimit rate_limit_;
  MembersCache members_;
  std::optional<std::pair<std::uint64_t, std::size_t>> enrolled_;  // settings and places; under changes_
  std::mutex changes_;              // one changing call at a time: handlers read settings, then write them
  TimeMs tokens_forgotten_at_ = 0;  // guarded by changes_
  std::mutex counters_mutex_;
  std::map<std::pair<std::string, unsigned>, std::uint64_t> counters_;
  std::uint64_t audit_failures_ = 0;
};

// The error as a response in GuardDuty's form.
Response error_response(const ApiError& error);

}  // namespace picket::api
