#include "api/service.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <algorithm>
#include <array>

namespace picket::api {

namespace {

constexpr std::size_t json_depth_max = 64;

// A version 4 UUID.
std::string request_id() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    spdlog::warn("api: getrandom gave too few bytes for a request id");
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  return fmt::format("{:02x}-{:02x}-{:02x}-{:02x}-{:02x}", fmt::join(bytes.begin(), bytes.begin() + 4, ""),
                     fmt::join(bytes.begin() + 4, bytes.begin() + 6, ""),
                     fmt::join(bytes.begin() + 6, bytes.begin() + 8, ""),
                     fmt::join(bytes.begin() + 8, bytes.begin() + 10, ""),
                     fmt::join(bytes.begin() + 10, bytes.end(), ""));
}

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

}  // namespace

bool is_changing(std::string_view operation) {
  return !operation.starts_with("Get") && !operation.starts_with("List") &&
         !operation.starts_with("Describe");
}

bool is_allowed(aws::Role role, std::string_view operation) {
  static constexpr std::array<std::string_view, 3> judging{"ArchiveFindings", "UnarchiveFindings",
                                                           "UpdateFindingsFeedback"};
  // Filters, lists and members belong to the administrator, and so does judging findings.
  static constexpr std::array<std::string_view, 8> administrators{
      "Filter",           "IPSet",   "ThreatIntelSet",  "ThreatEntitySet",
      "TrustedEntitySet", "Members", "MemberDetectors", "Organization"};
  const bool judges = std::ranges::find(judging, operation) != judging.end();
  if (role == aws::Role::administrator || !is_changing(operation)) return true;
  switch (role) {
    case aws::Role::administrator:
      return true;
    case aws::Role::read_only:
      return false;
    case aws::Role::responder:
      return judges;
    case aws::Role::member:
      return !judges && std::ranges::none_of(administrators, [&](std::string_view part) {
        return operation.find(part) != std::string_view::npos;
      });
  }
  return false;
}

Response error_response(const ApiError& error) {
  Response response{.status = error.status, .headers = {}, .body = error_body(error)};
  response.headers.emplace_back("x-amzn-ErrorType", error.type);
  response.headers.emplace_back("Content-Type", "application/json");
  return response;
}

Service::Service(Backend backend, aws::KeyStore& keys, ServiceSettings settings)
    : backend_(std::move(backend)),
      keys_(keys),
      settings_(std::move(settings)),
      replays_(2 * settings_.verifier.skew_ms_max, settings_.replay_entries_max),
      rate_limit_(settings_.calls_per_second_max, settings_.calls_burst_max) {
  for (const Operation& operation : operations()) handlers_[operation.name] = handler_of(operation.name);
}

Response Service::handle(const aws::HttpRequest& request) {
  const TimeMs now = backend_.now();
  const auto route = router_.find(request.method, request.path);
  Response response =
      route ? authenticated(*route, request, now)
            : error_response(
                  {.status = 404,
                   .type = "UnknownOperationException",
                   .code = "UnknownOperationException",
                   .message = fmt::format("No operation has the method {} and this path.", request.method)});
  response.headers.emplace_back("x-amzn-RequestId", request_id());
  count(route ? route->operation->name : "unknown", response.status);
  return response;
}

Response Service::authenticated(const Route& route, const aws::HttpRequest& request, TimeMs now) {
  std::optional<aws::Credential> caller;
  const aws::AccessKeyLookup lookup = [&](std::string_view id) -> std::optional<aws::AccessKey> {
    caller = keys_.find(id);
    if (!caller) return std::nullopt;
    return aws::AccessKey{
        .secret_access_key = caller->secret_access_key, .session_token = "", .expires_at = {}};
  };
  const auto verified = aws::verify(request, lookup, settings_.verifier, now);
  if (!verified)
    return error_response({.status = 403,
                           .type = verified.error().type,
                           .code = verified.error().type,
                           .message = verified.error().message});
  if (!rate_limit_.allow(verified->access_key_id, now))
    return error_response({.status = 429,
                           .type = "TooManyRequestsException",
                           .code = "TooManyRequestsException",
                           .message = "Too many requests: slow down and try again."});
  const std::string_view name = route.operation->name;
  if (!is_allowed(caller->role, name)) {
    const auto denied = access_denied(
        fmt::format("User: {} (role {}) of account {} is not authorized to perform: guardduty:{}",
                    caller->profile, aws::name_of(caller->role), caller->account, name));
    return error_response(denied.error());
  }
  const bool changing = is_changing(name);
  std::unique_lock<std::mutex> one_change;
  if (changing) {
    one_change = std::unique_lock(changes_);
    if (auto earlier = replays_.find(verified->access_key_id, verified->signature, now)) return *earlier;
  }
  auto [answer, status] = run(route, *caller, verified->region, request, now);
  Response response;
  if (answer) {
    response.status = status;
    if (status != 204) {
      response.body = std::move(*answer);
      response.headers.emplace_back("Content-Type", "application/json");
    }
  } else {
    response = error_response(answer.error());
  }
  // A failure of ours is not remembered: the client's retry shall have a chance.
  if (changing && response.status < 500)
    replays_.store(verified->access_key_id, verified->signature, response, now);
  return response;
}

Service::Outcome Service::run(const Route& route, const aws::Credential& caller, const std::string& region,
                              const aws::HttpRequest& request, TimeMs now) {
  const Operation& operation = *route.operation;
  simdjson::dom::parser parser;
  std::optional<simdjson::dom::element> body;
  if (!blank(request.body)) {
    simdjson::dom::element root;
    if (parser.allocate(request.body.size(), json_depth_max) != simdjson::SUCCESS ||
        parser.parse(request.body.data(), request.body.size()).get(root) != simdjson::SUCCESS ||
        !root.is_object())
      return {bad_request("The request is rejected because the body is not a JSON object.")};
    body = root;
  }
  Call call{.operation = operation,
            .caller = caller,
            .region = region,
            .uri = route.uri,
            .query = parse_query(request.query),
            .body = body,
            .body_text = request.body,
            .now = now,
            .backend = backend_};
  if (const auto wrong = validate(operation, call.uri, call.query, body)) {
    spdlog::debug("api: {}: {} {}", operation.name, wrong->parameter, wrong->why);
    return {invalid_parameter(wrong->parameter)};
  }
  const auto earlier = call.earlier_answer();
  if (!earlier) return {std::unexpected(earlier.error())};
  if (*earlier) return {**earlier, operation.status};
  if (is_changing(operation.name)) forget_tokens(now);
  Answer answer = handlers_.at(operation.name)(call);
  if (answer && !call.answer_kept) answer = call.commit({}, std::move(*answer));
  return {std::move(answer), operation.status};
}

void Service::forget_tokens(TimeMs now) {
  if (now - tokens_forgotten_at_ < hour_ms) return;
  tokens_forgotten_at_ = now;
  if (const auto done = forget_client_tokens(*backend_.store, now); !done)
    spdlog::warn("api: old client tokens stay: {}", done.error().message());
}

void Service::count(std::string_view operation, unsigned status) {
  const std::scoped_lock lock(counters_mutex_);
  ++counters_[{std::string(operation), status}];
}

std::string Service::metrics() {
  const std::scoped_lock lock(counters_mutex_);
  std::string out =
      "# HELP picket_api_requests_total API calls by operation and HTTP status.\n"
      "# TYPE picket_api_requests_total counter\n";
  for (const auto& [key, value] : counters_)
    out += fmt::format("picket_api_requests_total{{operation=\"{}\",status=\"{}\"}} {}\n", key.first,
                       key.second, value);
  return out;
}

}  // namespace picket::api
