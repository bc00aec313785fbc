#include "respond/finding_parts.h"

#include <fmt/format.h>

namespace picket::respond {

namespace dom = simdjson::dom;

namespace {

constexpr const char* actions[] = {"/service/action/networkConnectionAction",
                                   "/service/action/awsApiCallAction",
                                   "/service/action/kubernetesApiCallAction",
                                   "/service/action/dnsRequestAction",
                                   "/service/action/portProbeAction/portProbeDetails/0",
                                   "/service/action/rdsLoginAttemptAction"};

}  // namespace

std::string_view text_at(const dom::element& finding, std::string_view pointer) {
  std::string_view text;
  return finding.at_pointer(pointer).get(text) == simdjson::SUCCESS ? text : std::string_view();
}

std::int64_t number_at(const dom::element& finding, std::string_view pointer, std::int64_t otherwise) {
  std::int64_t number = 0;
  return finding.at_pointer(pointer).get(number) == simdjson::SUCCESS ? number : otherwise;
}

std::vector<AffectedResource> resources_of(const dom::element& finding) {
  std::vector<AffectedResource> all;
  const std::string_view partition = text_at(finding, "/partition"), region = text_at(finding, "/region"),
                         account = text_at(finding, "/accountId");
  const auto arn = [&](std::string_view service, std::string_view rest) {
    return fmt::format("arn:{}:{}:{}:{}:{}", partition, service, region, account, rest);
  };
  if (const auto id = text_at(finding, "/resource/instanceDetails/instanceId"); !id.empty())
    all.push_back({"AwsEc2Instance", arn("ec2", fmt::format("instance/{}", id)), std::string(id)});
  if (const auto id = text_at(finding, "/resource/accessKeyDetails/accessKeyId"); !id.empty())
    all.push_back({"AwsIamAccessKey", fmt::format("AWS::IAM::AccessKey:{}", id), std::string(id)});
  dom::array buckets;
  if (finding.at_pointer("/resource/s3BucketDetails").get(buckets) == simdjson::SUCCESS) {
    for (const dom::element bucket : buckets) {
      const std::string_view name = text_at(bucket, "/name");
      if (!name.empty())
        all.push_back({"AwsS3Bucket", fmt::format("arn:{}:s3:::{}", partition, name), std::string(name)});
    }
  }
  if (const auto name = text_at(finding, "/resource/eksClusterDetails/name"); !name.empty()) {
    const std::string_view given = text_at(finding, "/resource/eksClusterDetails/arn");
    all.push_back({"AwsEksCluster",
                   given.empty() ? arn("eks", fmt::format("cluster/{}", name)) : std::string(given),
                   std::string(name)});
  }
  if (const auto name = text_at(finding, "/resource/lambdaDetails/functionName"); !name.empty())
    all.push_back({"AwsLambdaFunction", std::string(text_at(finding, "/resource/lambdaDetails/functionArn")),
                   std::string(name)});
  if (all.empty())
    all.push_back({"AwsAccount", fmt::format("AWS::::Account:{}", account), std::string(account)});
  return all;
}

RemoteEnd remote_end_of(const dom::element& finding) {
  RemoteEnd end;
  for (const char* pointer : actions) {
    dom::element action;
    if (finding.at_pointer(pointer).get(action) != simdjson::SUCCESS) continue;
    end.ip = text_at(action, "/remoteIpDetails/ipAddressV4");
    if (end.ip.empty()) end.ip = text_at(action, "/remoteIpDetails/ipAddressV6");
    end.country = text_at(action, "/remoteIpDetails/country/countryName");
    end.organization = text_at(action, "/remoteIpDetails/organization/asnOrg");
    end.domain = text_at(action, "/domain");
    end.port = number_at(action, "/remotePortDetails/port");
    end.local_port = number_at(action, "/localPortDetails/port");
    end.protocol = text_at(action, "/protocol");
    end.api = text_at(action, "/api");
    end.service = text_at(action, "/serviceName");
    return end;
  }
  return end;
}

std::string_view principal_of(const dom::element& finding) {
  for (const char* pointer :
       {"/resource/accessKeyDetails/userName", "/resource/kubernetesDetails/kubernetesUserDetails/username"})
    if (const auto name = text_at(finding, pointer); !name.empty()) return name;
  return {};
}

std::string_view purpose_of(std::string_view type) { return type.substr(0, type.find(':')); }

}  // namespace picket::respond
