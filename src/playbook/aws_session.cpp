#include "playbook/aws_session.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "aws/sigv4.h"
#include "base/base64.h"

namespace picket::playbook {

namespace {

// IAM and CloudFront are signed for the first Region of their partition.
std::string global_region(std::string_view region) {
  return region.starts_with("cn-")       ? "cn-north-1"
         : region.starts_with("us-gov-") ? "us-gov-west-1"
                                         : "us-east-1";
}

// S3 takes settings only with a checksum.
aws::HttpHeaders checksum_of(std::string_view body) {
  if (body.empty()) return {};
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data());
  return {
      {"x-amz-checksum-sha256", to_base64({reinterpret_cast<const char*>(digest.data()), digest.size()})}};
}

ErrorKind kind_of(unsigned status, std::string_view code) {
  if (aws::may_pass(status, code)) return ErrorKind::io;
  if (code == "WAFOptimisticLockException") return ErrorKind::conflict;
  static constexpr std::array<std::string_view, 3> absent{"NoSuch", "NotFound", "NonexistentItem"};
  const bool not_found =
      std::ranges::any_of(absent, [&](std::string_view part) { return code.contains(part); });
  return not_found ? ErrorKind::not_found : ErrorKind::invalid;
}

}  // namespace

Result<std::string> AwsSession::call(aws::ServiceCall call, std::string_view action) {
  const std::string where = fmt::format("{} {}", call.service, action);
  call.endpoint = place_.endpoint;
  const auto answer = caller_.exchange(call);
  if (!answer) return fail(answer.error().kind, answer.error().message(), where);
  calls_.push_back({.time = clock_(),
                    .event_source = call.service + ".amazonaws.com",
                    .event_name = std::string(action),
                    .region = call.region,
                    .request_id = answer->request_id,
                    .access_key_id = key_.access_key_id});
  if (answer->status < 300) return answer->body;
  return fail(kind_of(answer->status, answer->code),
              answer->code.empty() ? fmt::format("answered with status {}", answer->status)
                                   : fmt::format("{}: {}", answer->code, answer->message.substr(0, 300)),
              where);
}

Result<aws::Xml> AwsSession::query(std::string_view service, std::string_view version,
                                   std::string_view action, const Parameters& parameters,
                                   const std::string& region) {
  std::string form = fmt::format("Action={}&Version={}", action, version);
  for (const auto& [name, value] : parameters)
    form += fmt::format("&{}={}", aws::uri_encode(name), aws::uri_encode(value));
  const auto body = call({.service = std::string(service),
                          .region = region,
                          .endpoint = {},
                          .content_type = "application/x-www-form-urlencoded; charset=utf-8",
                          .body = form,
                          .more = {}},
                         action);
  if (!body) return std::unexpected(body.error());
  return aws::parse_xml(*body);
}

Result<aws::Xml> AwsSession::ec2(std::string_view action, const Parameters& parameters) {
  return query("ec2", "2016-11-15", action, parameters, place_.region);
}

Result<aws::Xml> AwsSession::autoscaling(std::string_view action, const Parameters& parameters) {
  return query("autoscaling", "2011-01-01", action, parameters, place_.region);
}

Result<aws::Xml> AwsSession::iam(std::string_view action, const Parameters& parameters) {
  return query("iam", "2010-05-08", action, parameters, global_region(place_.region));
}

Result<aws::Xml> AwsSession::sts(std::string_view action) {
  return query("sts", "2011-06-15", action, {}, place_.region);
}

Result<std::string> AwsSession::waf(std::string_view operation, std::string_view body, bool cloudfront) {
  return call({.service = "wafv2",
               .region = cloudfront ? global_region(place_.region) : place_.region,
               .endpoint = {},
               .content_type = "application/x-amz-json-1.1",
               .body = body,
               .more = {{"X-Amz-Target", fmt::format("AWSWAF_20190729.{}", operation)}}},
              operation);
}

Result<std::string> AwsSession::s3(const std::string& method, std::string_view action,
                                   const std::string& bucket, const std::string& subresource,
                                   std::string_view body) {
  return call({.service = "s3",
               .region = place_.region,
               .endpoint = {},
               .path = "/" + aws::uri_encode(bucket),
               .content_type = body.empty() ? "" : "application/xml",
               .body = body,
               .more = checksum_of(body),
               .method = method,
               .query = subresource + "="},
              action);
}

}  // namespace picket::playbook
