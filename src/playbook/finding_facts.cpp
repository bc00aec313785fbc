#include "playbook/finding_facts.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "finding/export.h"
#include "finding/provisional.h"

namespace picket::playbook {

namespace dom = simdjson::dom;

namespace {

std::string text(const dom::element& at, const char* pointer) {
  std::string_view value;
  return at.at_pointer(pointer).get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
}

// The first that says something.
std::string first_text(const dom::element& at, std::initializer_list<const char*> pointers) {
  for (const char* pointer : pointers)
    if (std::string value = text(at, pointer); !value.empty()) return value;
  return {};
}

template <class Visit>
void each(const dom::element& at, const char* pointer, Visit visit) {
  dom::array items;
  if (at.at_pointer(pointer).get(items) != simdjson::SUCCESS) return;
  for (const dom::element item : items) visit(item);
}

// An attack sequence names who and what in its actors and resources; its newest key and first resources
// count.
void read_sequence(const dom::element& root, FindingFacts& facts) {
  each(root, "/service/detection/sequence/actors", [&](const dom::element& actor) {
    facts.access_key_id = text(actor, "/user/credentialUid");
    facts.principal_id = text(actor, "/user/uid");
    facts.user_type = text(actor, "/user/type");
    facts.user_name = text(actor, "/user/name");
  });
  each(root, "/service/detection/sequence/resources", [&](const dom::element& resource) {
    const std::string kind = text(resource, "/resourceType");
    if (kind == "S3_BUCKET") facts.buckets.push_back(text(resource, "/uid"));
    if (kind == "EC2_INSTANCE" && facts.instance_id.empty()) {
      const std::string uid = text(resource, "/uid");
      facts.instance_id = uid.substr(uid.rfind('/') == std::string::npos ? 0 : uid.rfind('/') + 1);
    }
  });
}

constexpr std::string_view cloudtrail = "CloudTrail wrote the call down after AWS had checked its signature";

Basis basis_of_address(const FindingFacts& facts) {
  if (!facts.listed_on.empty()) return {true, "the address is on the threat list " + facts.listed_on.front()};
  if (facts.action_type == "AWS_API_CALL") return {true, "AWS saw the call come from this address over TLS"};
  if (facts.action_type == "KUBERNETES_API_CALL")
    return {false,
            "the first address of a request to Kubernetes is what its sender claims (X-Forwarded-For)"};
  if (facts.direction == "OUTBOUND")
    return {false, "the instance chose whom it talks to: whoever holds it can name any address"};
  return {false, "the source address of packets can be forged"};
}

Basis basis_of_instance(const FindingFacts& facts) {
  if (facts.action_type == "AWS_API_CALL") return {true, std::string(cloudtrail)};
  if (facts.action_type == "DNS_REQUEST")
    return {false, "anybody can make a host look up a name: with a link, a mail, a line in a log"};
  if (facts.action_type == "NETWORK_CONNECTION" && facts.direction == "OUTBOUND") {
    if (facts.type.contains("DenialOfService"))
      return {false, "replies to requests with a forged source look the same"};
    if (facts.protocol == "TCP")
      return {true, "the flow log of its interface shows a TCP connection that the instance opened itself"};
    return {false, "what is sent without a connection may answer forged packets"};
  }
  if (facts.action_type == "NETWORK_CONNECTION" || facts.action_type == "PORT_PROBE")
    return {false, "packets that arrive can be forged and need no consent of the instance"};
  if (facts.is_sequence()) return {true, "several independent records, CloudTrail's among them"};
  return {false, "the finding does not say what it was seen by"};
}

Basis basis_of_key(const FindingFacts& facts) {
  if (facts.api == "ConsoleLogin" && !facts.error_code.empty())
    return {false, "anybody can type a user's name at the sign-in page"};
  if (facts.action_type == "AWS_API_CALL" || facts.is_sequence()) return {true, std::string(cloudtrail)};
  if (facts.action_type == "KUBERNETES_API_CALL")
    return {true, "the audit log was written after the API server had authenticated the caller"};
  // AWS's custom rules and the policy findings tell no action; their records are CloudTrail's.
  if (facts.action_type.empty() && !facts.access_key_id.empty()) return {true, std::string(cloudtrail)};
  return {false, "the records do not show the key's use"};
}

}  // namespace

std::string_view name_of(Subject subject) {
  static constexpr std::string_view names[] = {"instance", "access key",      "role",
                                               "bucket",   "service account", "address"};
  return names[static_cast<std::size_t>(subject)];
}

Result<FindingFacts> facts_of(std::string_view document) {
  const std::string spelled = exported_form(document);
  dom::parser parser;
  dom::element root;
  if (parser.parse(spelled).get(root) != simdjson::SUCCESS || !root.is_object())
    return fail(ErrorKind::invalid, "the finding is no JSON object");
  FindingFacts facts;
  facts.id = text(root, "/id");
  facts.type = text(root, "/type");
  facts.account = text(root, "/accountId");
  facts.region = text(root, "/region");
  facts.last_seen = parse_time(text(root, "/service/eventLastSeen")).value_or(0);
  bool sample = false;
  facts.sample = root.at_pointer("/service/additionalInfo/sample").get(sample) == simdjson::SUCCESS && sample;
  const auto marked = [&](std::string_view evidence) {
    return text(root, fmt::format("/service/additionalInfo/picket/why/{}", evidence).c_str()) == "true";
  };
  facts.provisional = marked(provisional_evidence);
  facts.unordered = marked(unordered_evidence);
  facts.action_type = text(root, "/service/action/actionType");
  facts.api = text(root, "/service/action/awsApiCallAction/api");
  facts.error_code = text(root, "/service/action/awsApiCallAction/errorCode");
  facts.direction = text(root, "/service/action/networkConnectionAction/connectionDirection");
  facts.protocol = text(root, "/service/action/networkConnectionAction/protocol");
  facts.instance_id = text(root, "/resource/instanceDetails/instanceId");
  facts.access_key_id = text(root, "/resource/accessKeyDetails/accessKeyId");
  facts.principal_id = text(root, "/resource/accessKeyDetails/principalId");
  facts.user_type = text(root, "/resource/accessKeyDetails/userType");
  facts.user_name = text(root, "/resource/accessKeyDetails/userName");
  each(root, "/resource/s3BucketDetails",
       [&](const dom::element& bucket) { facts.buckets.push_back(text(bucket, "/name")); });
  facts.cluster = text(root, "/resource/eksClusterDetails/name");
  facts.kubernetes_user = text(root, "/resource/kubernetesDetails/kubernetesUserDetails/username");
  facts.remote_address =
      first_text(root, {"/service/action/awsApiCallAction/remoteIpDetails/ipAddressV4",
                        "/service/action/awsApiCallAction/remoteIpDetails/ipAddressV6",
                        "/service/action/networkConnectionAction/remoteIpDetails/ipAddressV4",
                        "/service/action/networkConnectionAction/remoteIpDetails/ipAddressV6",
                        "/service/action/portProbeAction/portProbeDetails/0/remoteIpDetails/ipAddressV4",
                        "/service/action/kubernetesApiCallAction/remoteIpDetails/ipAddressV4",
                        "/service/action/kubernetesApiCallAction/remoteIpDetails/ipAddressV6"});
  each(root, "/service/evidence/threatIntelligenceDetails",
       [&](const dom::element& list) { facts.listed_on.push_back(text(list, "/threatListName")); });
  if (facts.is_sequence()) read_sequence(root, facts);
  if (facts.type.empty()) return fail(ErrorKind::invalid, "the finding has no type");
  return facts;
}

Basis basis_of(const FindingFacts& facts, Subject subject) {
  if (facts.sample) return {false, "it is a sample"};
  if (facts.unordered)
    return {false, "an upgrade lost what waited, and its records were never judged in order"};
  switch (subject) {
    case Subject::instance:
      return basis_of_instance(facts);
    case Subject::access_key:
    case Subject::role:
      return basis_of_key(facts);
    case Subject::bucket:
      // The setting itself is looked at before anything is done.
      return {true, "CloudTrail's record names the bucket, and its setting is read from S3"};
    case Subject::service_account:
      return {facts.action_type == "KUBERNETES_API_CALL",
              "the audit log was written after the API server had authenticated the caller"};
    case Subject::address:
      return basis_of_address(facts);
  }
  return {};
}

}  // namespace picket::playbook
