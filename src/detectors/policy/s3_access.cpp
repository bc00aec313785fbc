#include "detectors/policy/s3_access.h"

#include <array>

#include "detectors/shared/attempt.h"
#include "event/raw_json.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

void widen(S3Grant& grant, BucketAudience audience, std::string how) {
  if (audience > grant.audience) grant = {audience, std::move(how), {}};
}

void add_policy(const dom::element& policy, S3Grant& grant) {
  const BucketPolicyVerdict verdict = evaluate_bucket_policy(policy);
  widen(grant, verdict.audience, "policy statement " + verdict.statement);
  if (verdict.audience == grant.audience && !verdict.taken_back_by.empty())
    grant.taken_back_by = "policy statement " + verdict.taken_back_by;
}

// ---- access control lists -------------------------------------------------------------------

BucketAudience group_audience(std::string_view uri) {
  if (uri.find("/groups/global/AllUsers") != std::string_view::npos) return BucketAudience::everyone;
  if (uri.find("/groups/global/AuthenticatedUsers") != std::string_view::npos)
    return BucketAudience::authenticated;
  return BucketAudience::named;
}

std::string group_name(BucketAudience audience) {
  return audience == BucketAudience::everyone ? "AllUsers" : "AuthenticatedUsers";
}

void add_grant(const dom::element& element, S3Grant& grant) {
  std::string_view uri, permission;
  if (element["Grantee"]["URI"].get(uri) != simdjson::SUCCESS) return;
  if (element["Permission"].get(permission) != simdjson::SUCCESS) permission = "access";
  const BucketAudience audience = group_audience(uri);
  widen(grant, audience, "access control list: " + std::string(permission) + " to " + group_name(audience));
}

void add_grants(const dom::element& grants, S3Grant& grant) {
  dom::array list;
  if (grants.get(list) != simdjson::SUCCESS) return add_grant(grants, grant);
  for (const dom::element element : list) add_grant(element, grant);
}

void add_canned(std::string_view name, S3Grant& grant) {
  const BucketAudience audience = name == "public-read" || name == "public-read-write"
                                      ? BucketAudience::everyone
                                  : name == "authenticated-read" ? BucketAudience::authenticated
                                                                 : BucketAudience::named;
  widen(grant, audience, "canned access control list " + std::string(name));
}

}  // namespace

S3Grant widest_grant(const CloudTrailEvent& call) {
  S3Grant grant;
  const JsonDocument document = call.request_parameters.parse();
  const auto root = document.root();
  dom::object request;
  if (!root || root->get(request) != simdjson::SUCCESS) return grant;
  for (const auto& [key, value] : request) {
    if (key == "bucketPolicy") {
      // Recorded as an object, or as text in records that other tools made.
      std::string_view text;
      if (value.get(text) == simdjson::SUCCESS) {
        const JsonDocument inner(text);
        if (inner.root()) add_policy(*inner.root(), grant);
      } else {
        add_policy(value, grant);
      }
    } else if (key == "AccessControlPolicy") {
      dom::element grants;
      if (value["AccessControlList"]["Grant"].get(grants) == simdjson::SUCCESS) add_grants(grants, grant);
    } else if (key == "x-amz-acl") {
      any_text(value, [&](std::string_view name) {
        add_canned(name, grant);
        return false;
      });
    } else if (key.starts_with("x-amz-grant-")) {
      any_text(value, [&](std::string_view grantees) {
        const BucketAudience audience = group_audience(grantees);
        widen(grant, audience,
              "access control list: " + std::string(key.substr(12)) + " to " + group_name(audience));
        return false;
      });
    }
  }
  return grant;
}

std::optional<Evidence> opens_to(BucketAudience audience, const CloudTrailEvent& call) {
  const S3Grant grant = widest_grant(call);
  if (grant.audience != audience) return std::nullopt;
  Evidence evidence{{"api", std::string(call.event_name)},
                    {"bucket", call.request_parameters.find("bucketName")},
                    {"granted_by", grant.how}};
  // GuardDuty does not weigh denials; nobody gets in, so it is said, and low.
  if (!grant.taken_back_by.empty()) {
    evidence.add("taken_back_by", grant.taken_back_by);
    evidence.severity = number_of(Severity::low);
  }
  return by_outcome(call, std::move(evidence));
}

std::optional<std::string> blocks_off(const CloudTrailEvent& call) {
  constexpr std::array switches = {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                                   "RestrictPublicBuckets"};
  const bool deleted = call.event_name.starts_with("Delete");
  const JsonDocument document = call.request_parameters.parse();
  const auto configuration = document.at("PublicAccessBlockConfiguration");
  if (!deleted && !configuration) return std::nullopt;
  std::string off;
  for (const std::string_view name : switches) {
    if (!deleted) {
      const auto value = document.at("PublicAccessBlockConfiguration." + std::string(name));
      if (value && scalar_text(*value) == "true") continue;
    }
    if (!off.empty()) off += ", ";
    off += name;
  }
  return off.empty() ? std::nullopt : std::optional(off);
}

}  // namespace picket::detectors
