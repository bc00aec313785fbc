#include "aws/role_key.h"

#include <fmt/format.h>

#include "aws/s3.h"
#include "aws/sigv4.h"

namespace picket::aws {

namespace {

constexpr TimeMs renewed_before_end = 5 * minute_ms;

}  // namespace

std::optional<AssumedKey> parse_assumed_key(std::string_view xml) {
  AssumedKey out{{std::string(xml_text(xml, "AccessKeyId")), std::string(xml_text(xml, "SecretAccessKey")),
                  std::string(xml_text(xml, "SessionToken"))},
                 0};
  const auto ends = parse_time(xml_text(xml, "Expiration"));
  if (out.key.access_key_id.empty() || out.key.secret_access_key.empty() || out.key.session_token.empty() ||
      !ends)
    return std::nullopt;
  out.ends = *ends;
  return out;
}

Result<std::optional<CallerKey>> RoleKey::get() {
  if (settings_.arn.empty()) return own_;
  const std::lock_guard lock(mutex_);
  if (assumed_ && clock_() < ends_ - renewed_before_end) return assumed_;
  std::string body =
      "Action=AssumeRole&Version=2011-06-15&RoleSessionName=picket&RoleArn=" + uri_encode(settings_.arn);
  if (!settings_.external_id.empty()) body += "&ExternalId=" + uri_encode(settings_.external_id);
  const auto answer = ServiceCaller(http_, own_, clock_)
                          .call({.service = "sts",
                                 .region = settings_.region,
                                 .endpoint = settings_.endpoint,
                                 .content_type = "application/x-www-form-urlencoded; charset=utf-8",
                                 .body = body,
                                 .more = {}});
  if (!answer) return std::unexpected(answer.error());
  auto assumed = parse_assumed_key(*answer);
  if (!assumed) return fail(ErrorKind::invalid, "STS answered with no key", settings_.arn);
  assumed_ = std::move(assumed->key);
  ends_ = assumed->ends;
  return assumed_;
}

}  // namespace picket::aws
