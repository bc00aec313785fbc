#include "aws/service_call.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "aws/sigv4.h"

namespace picket::aws {

namespace {

constexpr std::size_t answer_bytes_max = 1U << 20;

struct ServiceError {
  std::string code, message;
};

// JSON services tell `__type` or a header and `message`, query services XML.
ServiceError error_of(const net::Response& response) {
  ServiceError error{std::string(response.header("x-amzn-errortype")), ""};
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  if (parser.parse(response.body).get(root) == simdjson::SUCCESS) {
    std::string_view text;
    for (const char* name : {"__type", "code", "Code"})
      if (error.code.empty() && root[name].get(text) == simdjson::SUCCESS) error.code = text;
    for (const char* name : {"message", "Message"})
      if (error.message.empty() && root[name].get(text) == simdjson::SUCCESS) error.message = text;
  } else {
    error.code = xml_text(response.body, "Code");
    error.message = xml_text(response.body, "Message");
  }
  // "com.amazonaws.sqs#QueueDoesNotExist", "ValidationException:http://…"
  error.code = error.code.substr(error.code.find('#') == std::string::npos ? 0 : error.code.find('#') + 1);
  error.code = error.code.substr(0, error.code.find(':'));
  return error;
}

std::string host_and_port(const std::string& base) { return base.substr(base.find("://") + 3); }

}  // namespace

bool may_pass(unsigned status, std::string_view code) {
  return status >= 500 || status == 429 || status == 408 || code.contains("Throttl") ||
         code.contains("TooManyRequests") || code.contains("LimitExceeded") || code == "RequestExpired";
}

std::optional<Arn> parse_arn(std::string_view text) {
  Arn arn;
  if (!text.starts_with("arn:")) return std::nullopt;
  text.remove_prefix(4);
  for (std::string* part : {&arn.partition, &arn.service, &arn.region, &arn.account}) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    *part = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  arn.resource = text;
  if (arn.partition.empty() || arn.service.empty() || arn.resource.empty()) return std::nullopt;
  return arn;
}

std::string service_endpoint(std::string_view service, std::string_view region) {
  const bool china = region.starts_with("cn-");
  if (service == "iam") {
    return china                           ? "https://iam.cn-north-1.amazonaws.com.cn"
           : region.starts_with("us-gov-") ? "https://iam.us-gov.amazonaws.com"
                                           : "https://iam.amazonaws.com";
  }
  return fmt::format("https://{}.{}.{}", service, region, china ? "amazonaws.com.cn" : "amazonaws.com");
}

Result<ServiceAnswer> ServiceCaller::exchange(const ServiceCall& call) const {
  const std::string base =
      call.endpoint.empty() ? service_endpoint(call.service, call.region) : call.endpoint;
  if (!key_) return fail(ErrorKind::invalid, "there are no AWS credentials to sign with", base);
  const std::string host = host_and_port(base);
  net::Request request{.method = call.method,
                       .url = base + call.path + (call.query.empty() ? "" : "?" + call.query),
                       .headers = call.more,
                       .body = call.body};
  if (!call.content_type.empty()) request.headers.emplace_back("Content-Type", call.content_type);
  std::vector<HttpHeader> headers{{"Host", host}};
  for (const auto& [name, value] : request.headers) headers.push_back({name, value});
  for (auto& header : sign({call.method, call.path, call.query, headers, call.body, {}},
                           {key_->access_key_id, key_->secret_access_key, key_->session_token},
                           {call.region, call.service}, clock_()))
    request.headers.push_back(std::move(header));
  auto response = http_.send(request, {.bytes_max = answer_bytes_max, .total_ms_max = call.timeout});
  if (!response) return std::unexpected(response.error());
  ServiceAnswer answer{.status = response->status, .body = {}, .request_id = {}, .code = {}, .message = {}};
  for (const char* name : {"x-amzn-requestid", "x-amz-request-id"})
    if (answer.request_id.empty()) answer.request_id = response->header(name);
  if (response->status >= 300) {
    ServiceError error = error_of(*response);
    answer.code = std::move(error.code);
    answer.message = std::move(error.message);
  }
  answer.body = std::move(response->body);
  return answer;
}

Result<std::string> ServiceCaller::call(const ServiceCall& call) const {
  auto answer = exchange(call);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status < 300) return std::move(answer->body);
  return fail(may_pass(answer->status, answer->code) ? ErrorKind::io : ErrorKind::invalid,
              answer->code.empty() ? fmt::format("{} answered with status {}", call.service, answer->status)
                                   : fmt::format("{} answered {}: {}", call.service, answer->code,
                                                 answer->message.substr(0, 300)),
              call.endpoint.empty() ? service_endpoint(call.service, call.region) : call.endpoint);
}

}  // namespace picket::aws
