#include "api/service.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "api/access_calls.h"
#include "api/audit_log.h"
#include "api/audit_parameters.h"
#include "api/ids.h"
#include "api/neighbours.h"
#include "api/organization.h"
#include "api/picket_calls.h"
#include "api/respond_calls.h"
#include "base/metrics_text.h"

namespace picket::api {

namespace {

constexpr std::string_view guardduty = "guardduty";
constexpr std::size_t json_depth_max = 64;

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

// Mostly of an endpoint that was given with a path.
ApiError unknown_operation(const aws::HttpRequest& request) {
  constexpr std::size_t shown_max = 200;
  return {.status = 404,
          .type = "UnknownOperationException",
          .code = "UnknownOperationException",
          .message =
              fmt::format("No operation of GuardDuty is {} {}. The endpoint is the server's address alone, "
                          "without a path.",
                          request.method, request.path.substr(0, shown_max))};
}

}  // namespace

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
  const std::string id = new_request_id();
  const std::string_view service = aws::claimed_service(request);
  Handled handled;
  if ((service.empty() || service == guardduty) && is_respond_path(request.path)) {
    handled = handle_respond(request, now);
  } else if ((service.empty() || service == guardduty) && is_access_path(request.path)) {
    handled = handle_access(request, now);
  } else if ((service.empty() || service == guardduty) && request.path.starts_with(picket_root)) {
    handled = handle_picket(request, now);
  } else if (service.empty() || service == guardduty) {
    handled = handle_guardduty(request, now);
  } else if (is_neighbour(service)) {
    handled = handle_neighbour(service, request, id, now);
  } else {
    handled.response = service_not_served(service, request, id);
  }
  handled.response.headers.emplace_back("x-amzn-RequestId", id);
  count(handled.operation, handled.response.status);
  audit(handled, request, id, now);
  return std::move(handled.response);
}

Service::Handled Service::handle_guardduty(const aws::HttpRequest& request, TimeMs now) {
  Handled handled;
  const auto refuse = [&](ApiError error) {
    handled.response = error_response(error);
    handled.error = std::move(error);
    return std::move(handled);
  };
  const auto route = router_.find(request.method, request.path);
  if (!route) return refuse(unknown_operation(request));
  handled.operation = handled.event_name = route->operation->name;
  handled.event_source = "guardduty.amazonaws.com";
  const auto verified =
      authorize(request, guardduty, fmt::format("guardduty:{}", handled.event_name), handled.caller, now);
  if (!verified) return refuse(verified.error());
  handled.region = verified->region;
  handled.response = authorized(*route, request, *verified, handled, now);
  return handled;
}

Service::Handled Service::handle_own(const aws::HttpRequest& request, std::string_view operation,
                                     std::string_view action, const std::function<Answer(Handled&)>& answer,
                                     TimeMs now) {
  Handled handled;
  const auto answered = [&](Answer given) {
    if (given) {
      handled.response.body = std::move(*given);
      handled.response.headers.emplace_back("Content-Type", "application/json");
    } else {
      handled.response = error_response(given.error());
      handled.error = std::move(given.error());
    }
    return std::move(handled);
  };
  if (operation.empty()) return answered(std::unexpected(unknown_operation(request)));
  handled.operation = fmt::format("picket:{}", operation);
  handled.event_source = picket_event_source;
  handled.event_name = operation;
  const auto verified =
      authorize(request, guardduty, action.empty() ? handled.operation : action, handled.caller, now);
  if (!verified) return answered(std::unexpected(verified.error()));
  handled.region = verified->region;
  return answered(answer(handled));
}

Service::Handled Service::handle_picket(const aws::HttpRequest& request, TimeMs now) {
  const std::string_view operation =
      request.method == "GET" ? picket_operation(request.path) : std::string_view();
  // Who may not see findings learns nothing of whom they are about either.
  const auto answer = [&](Handled& handled) {
    return answer_picket_for(*handled.caller, handled.region, request.path, request.query);
  };
  return handle_own(request, operation, "guardduty:GetFindings", answer, now);
}

Answer Service::answer_picket_for(const aws::Credential& caller, const std::string& region,
                                  std::string_view path, std::string_view query) {
  auto members = members_.current(*backend_.store);
  if (!members) return store_error(members.error(), "account");
  return answer_picket({.caller = caller,
                        .region = region,
                        .path = path,
                        .query = parse_query(query),
                        .backend = backend_,
                        .members = std::move(*members)});
}

Response Service::picket(const aws::Credential& caller, const std::string& region, std::string_view path,
                         std::string_view query) {
  if (picket_operation(path).empty())
    return error_response({.status = 404, .message = "There is no such path."});
  if (!is_permitted(caller, "guardduty:GetFindings"))
    return error_response(
        {.status = 403, .type = "AccessDeniedException", .message = "The key may not read findings."});
  Answer answer = answer_picket_for(caller, region, path, query);
  if (!answer) return error_response(answer.error());
  Response response{.status = 200, .headers = {}, .body = std::move(*answer)};
  response.headers.emplace_back("Content-Type", "application/json");
  return response;
}

Service::Handled Service::handle_respond(const aws::HttpRequest& request, TimeMs now) {
  RespondCall call{.operation = {},
                   .subject = {},
                   .caller = {},
                   .region = {},
                   .request = request,
                   .scope = {},
                   .backend = backend_,
                   .finding = {}};
  find_respond_operation(request, call);
  const auto answer = [&](Handled& handled) -> Answer {
    call.caller = *handled.caller;
    call.region = handled.region;
    const auto members = members_.current(*backend_.store);
    if (!members) return store_error(members.error(), "findingId");
    if ((*members)->association(call.caller.account, call.region) != nullptr &&
        is_administrators_task(call.operation))
      return access_denied(fmt::format("Account {} is a member: {} is for its administrator.",
                                       call.caller.account, handled.operation));
    call.scope = scope_of(call.caller, **members, call.region);
    call.finding = [&](const std::string& id) { return finding(call.caller, call.region, id); };
    Answer given = answer_respond(call);
    if (is_changing(call.operation)) handled.request_parameters = call.audited;
    return given;
  };
  return handle_own(request, call.operation, {}, answer, now);
}

Service::Handled Service::handle_access(const aws::HttpRequest& request, TimeMs now) {
  AccessCall call{.operation = {},
                  .subject = {},
                  .caller = {},
                  .region = {},
                  .request = request,
                  .backend = backend_,
                  .files = keys_.files()};
  find_access_operation(request, call);
  const auto answer = [&](Handled& handled) {
    call.caller = *handled.caller;
    call.region = handled.region;
    Answer given = answer_access(call);
    handled.request_parameters = std::move(call.audited);
    handled.response_elements = std::move(call.audited_answer);
    return given;
  };
  return handle_own(request, call.operation, {}, answer, now);
}

Service::Handled Service::handle_neighbour(std::string_view service, const aws::HttpRequest& request,
                                           const std::string& request_id, TimeMs now) {
  Handled handled;
  NeighbourCall call = read_neighbour_call(service, request);
  call.request_id = request_id;
  call.now = now;
  const auto answered = [&](NeighbourResult result) {
    handled.response = neighbour_response(call, result);
    if (!result) handled.error = std::move(result.error());
    return std::move(handled);
  };
  const auto verified =
      authorize(request, service, fmt::format("{}:{}", service, call.action), handled.caller, now);
  if (!verified) return answered(std::unexpected(neighbour_error(call.protocol, verified.error())));
  call.region = handled.region = verified->region;
  auto result = answer_neighbour(call, *handled.caller, backend_, keys_);
  // Only names that are served count and are logged: a client can send any.
  if (result || result.error().code != "InvalidAction") {
    handled.operation = fmt::format("{}:{}", service, call.action);
    handled.event_source = fmt::format("{}.amazonaws.com", service);
    handled.event_name = call.action;
    handled.request_parameters = audit_parameters(call);
    if (result) handled.response_elements = result->audit_elements;
  }
  return answered(std::move(result));
}

Service::Identity Service::authorize(const aws::HttpRequest& request, std::string_view service,
                                     std::string_view action, std::optional<aws::Credential>& caller,
                                     TimeMs now) {
  const std::string_view token = aws::session_token(request);
  const aws::AccessKeyLookup lookup = [&](std::string_view id) -> std::optional<aws::AccessKey> {
    caller = keys_.find(id, token);
    if (!caller) return std::nullopt;
    return aws::AccessKey{.secret_access_key = caller->secret_access_key,
                          .session_token = caller->session_token,
                          .expires_at = caller->expires_at};
  };
  aws::VerifierSettings settings = settings_.verifier;
  settings.service = service;
  auto verified = aws::verify(request, lookup, settings, now);
  const auto refuse = [](unsigned status, std::string_view type, std::string message) {
    return std::unexpected(
        ApiError{.status = status, .type = type, .code = type, .message = std::move(message)});
  };
  if (!verified) return refuse(403, verified.error().type, verified.error().message);
  // Sessions spend from the key they came from: anyone can have any number of them.
  if (!rate_limit_.allow(caller->temporary() ? caller->issuer : caller->access_key_id, now))
    return refuse(429, "TooManyRequestsException", "Too many requests: slow down and try again.");
  if (!is_permitted(*caller, action))
    return access_denied(fmt::format("User: {} (role {}) of account {} is not authorized to perform: {}",
                                     caller->profile, aws::name_of(caller->role), caller->account, action));
  return std::move(*verified);
}

Response Service::authorized(const Route& route, const aws::HttpRequest& request,
                             const aws::Verified& verified, Handled& handled, TimeMs now) {
  const bool changing = is_changing(route.operation->name);
  std::unique_lock<std::mutex> one_change;
  if (changing) {
    one_change = std::unique_lock(changes_);
    if (auto earlier = replays_.find(verified.access_key_id, verified.signature, now)) return *earlier;
  }
  auto [answer, status] = run(route, *handled.caller, verified.region, request, now);
  Response response;
  if (answer) {
    response.status = status;
    if (status != 204) {
      response.body = std::move(*answer);
      response.headers.emplace_back("Content-Type", "application/json");
      if (changing) handled.response_elements = response.body;
    }
  } else {
    response = error_response(answer.error());
    handled.error = std::move(answer.error());
  }
  handled.request_parameters = audited_parameters(route, request);
  // A failure of ours is not remembered: the client's retry shall have a chance.
  if (changing && response.status < 500)
    replays_.store(verified.access_key_id, verified.signature, response, now);
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
  auto members = members_.current(*backend_.store);
  if (!members) return {store_error(members.error(), "detectorId")};
  if ((*members)->association(caller.account, region) != nullptr && is_administrators_task(operation.name))
    return {access_denied(fmt::format(
        "The request is rejected because account {} is a member: guardduty:{} is for its administrator.",
        caller.account, operation.name))};
  Call call{.operation = operation,
            .caller = caller,
            .region = region,
            .uri = route.uri,
            .query = parse_query(request.query),
            .body = body,
            .body_text = request.body,
            .now = now,
            .backend = backend_,
            .members = std::move(*members)};
  if (const auto wrong = validate(operation, call.uri, call.query, body)) {
    return {invalid_parameter(wrong->parameter, wrong->why)};
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

Result<std::optional<Finding>> Service::finding(const aws::Credential& caller, const std::string& region,
                                                const std::string& id) {
  const auto members = members_.current(*backend_.store);
  if (!members) return std::unexpected(members.error());
  auto found = backend_.store->get(scope_of(caller, **members, region), {&id, 1});
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return std::nullopt;
  return std::move(found->front());
}

Result<void> Service::enroll() {
  const std::scoped_lock one_change(changes_);
  const auto version = backend_.store->settings_version();
  if (!version) return std::unexpected(version.error());
  const std::pair state(*version, backend_.places ? backend_.places().size() : 0);
  if (enrolled_ == state) return {};
  if (auto done = enroll_accounts(backend_, backend_.now()); !done) return done;
  enrolled_ = state;
  return {};
}

void Service::audit(const Handled& handled, const aws::HttpRequest& request, std::string_view request_id,
                    TimeMs now) {
  // Of a stranger no account is known that a record could belong to; metrics count it.
  if (backend_.audit == nullptr || !handled.caller || handled.event_name.empty()) return;
  AuditedCall call{.time = now,
                   .caller = &*handled.caller,
                   .region = handled.region.empty() ? handled.caller->region : handled.region,
                   .event_source = handled.event_source,
                   .event_name = handled.event_name,
                   .request_id = request_id,
                   .source_address = request.remote_address,
                   .user_agent = aws::header_of(request, "user-agent"),
                   .request_parameters = handled.request_parameters,
                   .response_elements = handled.response_elements,
                   .read_only = !is_changing(handled.event_name)};
  if (handled.error) {
    call.error_code = handled.error->type;
    call.error_message = handled.error->message;
  }
  if (const auto done = backend_.audit->append(call); !done) {
    spdlog::error("api: a call is missing in the audit log: {}", done.error().message());
    const std::scoped_lock lock(counters_mutex_);
    ++audit_failures_;
  }
}

void Service::count(std::string_view operation, unsigned status) {
  const std::scoped_lock lock(counters_mutex_);
  ++counters_[{std::string(operation), status}];
}

std::string Service::metrics() {
  const std::scoped_lock lock(counters_mutex_);
  MetricsText out;
  out.begin(MetricsText::Type::counter, "picket_api_requests_total",
            "API calls by operation and HTTP status.");
  for (const auto& [key, value] : counters_)
    out.sample({{"operation", key.first}, {"status", std::to_string(key.second)}}, value);
  out.counter("picket_audit_failures_total", "API calls that the audit log could not take.", audit_failures_);
  return out.take();
}

}  // namespace picket::api
