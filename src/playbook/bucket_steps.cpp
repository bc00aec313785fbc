// Steps in S3: what a bucket's public access block says, "NAME=true,…" in the order of the API, or "none".
#include <fmt/format.h>

#include <algorithm>

#include "playbook/steps.h"

namespace picket::playbook {

namespace {

constexpr std::string_view names[] = {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                                      "RestrictPublicBuckets"};

Result<std::string> read_block(Hands& hands, const Step& step) {
  const auto answer =
      hands.aws.s3("GET", "GetBucketPublicAccessBlock", step.where.at("bucket"), "publicAccessBlock", "");
  if (!answer && answer.error().what.contains("NoSuchPublicAccessBlockConfiguration"))
    return std::string("none");
  if (!answer) return std::unexpected(answer.error());
  const auto xml = aws::parse_xml(*answer);
  if (!xml) return std::unexpected(xml.error());
  std::string state;
  for (const std::string_view name : names)
    state +=
        fmt::format("{}{}={}", state.empty() ? "" : ",", name, xml->at(name) == "true" ? "true" : "false");
  return state;
}

Result<void> write_block(Hands& hands, const Step& step, const std::string&, const std::string& to) {
  const std::string& bucket = step.where.at("bucket");
  if (to == "none") {
    const auto answer =
        hands.aws.s3("DELETE", "DeleteBucketPublicAccessBlock", bucket, "publicAccessBlock", "");
    if (!answer) return std::unexpected(answer.error());
    return {};
  }
  std::string body = R"(<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)";
  for (const std::string_view name : names)
    body += fmt::format("<{}>{}</{}>", name, to.contains(fmt::format("{}=true", name)), name);
  body += "</PublicAccessBlockConfiguration>";
  const auto answer = hands.aws.s3("PUT", "PutBucketPublicAccessBlock", bucket, "publicAccessBlock", body);
  if (!answer) return std::unexpected(answer.error());
  return {};
}

constexpr StepKind kinds[] = {{"public_access_block", read_block, write_block}};

}  // namespace

std::span<const StepKind> bucket_steps() { return kinds; }

}  // namespace picket::playbook
