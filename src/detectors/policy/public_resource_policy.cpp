#include <array>

#include "detectors/shared/attempt.h"
#include "engine/detector.h"
#include "state/bucket_policy.h"

namespace picket::detectors {

namespace {

// Where a call says its resource's policy: as text or as JSON.
constexpr std::array<std::string_view, 7> policy_members = {
    "policyText",    "resourcePolicy",    "accessPolicies", "policy",
    "policy.policy", "attributes.Policy", "attributeValue"};
constexpr std::array<std::string_view, 14> resource_members = {
    "repositoryName", "secretId",    "domainName",   "keyId",     "topicArn",
    "queueUrl",       "name",        "queueName",    "vaultName", "backupVaultName",
    "fileSystemId",   "resourceArn", "functionName", "registryId"};

BucketPolicyVerdict verdict_on(const CloudTrailEvent& call) {
  const JsonDocument request = call.request_parameters.parse();
  if (call.event_name == "SetTopicAttributes" &&
      call.request_parameters.find("attributeName") != std::string_view("Policy"))
    return {};
  for (const std::string_view member : policy_members) {
    const auto value = request.at(member);
    std::string_view text;
    if (!value) continue;
    if (value->get(text) == simdjson::SUCCESS) return evaluate_bucket_policy(text);
    if (value->is_object() && (*value)["Statement"].error() == simdjson::SUCCESS)
      return evaluate_bucket_policy(*value);
  }
  return {};
}

std::optional<Evidence> made_public(const CloudTrailEvent& call, const Context&) {
  // Secrets Manager refuses itself what is public when it is asked to.
  if (call.request_parameters.find("blockPublicPolicy") == "true") return std::nullopt;
  const BucketPolicyVerdict verdict = verdict_on(call);
  if (!verdict.lets_in_strangers()) return std::nullopt;
  std::optional<std::string> resource;
  for (const std::string_view member : resource_members) {
    if (!resource) resource = call.request_parameters.find(member);
  }
  Evidence evidence{{"api", std::string(call.event_name)},
                    {"service", std::string(call.event_source.substr(0, call.event_source.find('.')))},
                    {"resource", resource.value_or("unnamed")},
                    {"statement", verdict.statement}};
  return by_outcome(call, std::move(evidence));
}

}  // namespace

extern const Detector public_resource_policy = {
    .types = {{.name = "Policy:IAMUser/PublicResourcePolicy",
               .severity = Severity::high,
               .mitre = {"TA0010", "T1537"},  // Transfer Data to Cloud Account
               .origin = Origin::picket,
               .title = "{principal} opened {resource} of {service} to everybody.",
               .description =
                   "{principal} called {api} from {remote_ip}; statement {statement} of the policy of "
                   "{resource} lets in everybody, and no condition ties it to an account, an organisation or "
                   "a network."}},
    .summary =
        "The policy of a secret, key, image repository, queue, topic, vault, file system or search domain "
        "lets in everybody.",
    .when = {calls("secretsmanager.amazonaws.com", {"PutResourcePolicy"}),
             calls("kms.amazonaws.com", {"PutKeyPolicy", "CreateKey"}),
             calls("ecr.amazonaws.com", {"SetRepositoryPolicy", "PutRegistryPolicy"}),
             calls("sns.amazonaws.com", {"SetTopicAttributes", "CreateTopic"}),
             calls("sqs.amazonaws.com", {"SetQueueAttributes", "CreateQueue"}),
             calls("glacier.amazonaws.com", {"SetVaultAccessPolicy"}),
             calls("backup.amazonaws.com", {"PutBackupVaultAccessPolicy"}),
             calls("elasticfilesystem.amazonaws.com", {"PutFileSystemPolicy"}),
             calls("dynamodb.amazonaws.com", {"PutResourcePolicy"}),
             calls("es.amazonaws.com", {"CreateElasticsearchDomain", "UpdateElasticsearchDomainConfig",
                                        "CreateDomain", "UpdateDomainConfig"})},
    .issue = {key::principal, key::evidence("resource")},
    .logic = each(made_public),
    .blind_spots =
        "Foreign accounts that are named, policies that the record leaves out, and domains that are public "
        "by "
        "their network settings.",
};

}  // namespace picket::detectors
