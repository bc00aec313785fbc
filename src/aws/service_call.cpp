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

bool may_pass(unsigned status, std::string_view code) {
  return status >= 500 || status == 429 || status == 408 || code.contains("Throttl") ||
         code.contains("TooManyRequests") || code.contains("LimitExceeded") || code == "RequestExpired";
}

}  // namespace

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
  return fmt::format("https://{}.{}.{}", service, region,
                     region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com");
}

Result<std::string> ServiceCaller::call(const ServiceCall& call) const {
  const std::string base =
      call.endpoint.empty() ? service_endpoint(call.service, call.region) : call.endpoint;
  if (!key_) return fail(ErrorKind::invalid, "there are no AWS credentials to sign with", base);
  const std::string host = base.substr(base.find("://") + 3);
  net::Request request{.method = "POST", .url = base + call.path, .headers = call.more, .body = call.body};
  request.headers.emplace_back("Content-Type", call.content_type);
  std::vector<HttpHeader> headers{{"Host", host}};
  for (const auto& [name, value] : request.headers) headers.push_back({name, value});
  for (auto& header : sign({"POST", call.path, "", headers, call.body, {}},
                           {key_->access_key_id, key_->secret_access_key, key_->session_token},
                           {call.region, call.service}, clock_()))
    request.headers.push_back(std::move(header));
  auto response = http_.send(request, {.bytes_max = answer_bytes_max, .total_ms_max = call.timeout});
  if (!response) return std::unexpected(response.error());
  if (response->status < 300) return std::move(response->body);
  const ServiceError error = error_of(*response);
  return fail(may_pass(response->status, error.code) ? ErrorKind::io : ErrorKind::invalid,
              error.code.empty()
                  ? fmt::format("{} answered with status {}", call.service, response->status)
                  : fmt::format("{} answered {}: {}", call.service, error.code, error.message.substr(0, 300)),
              base);
}

}  // namespace picket::aws
