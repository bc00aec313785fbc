#include "engine/details.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

FactRow row(TimeMs time, std::string name, std::string request, std::string response = "") {
  return {time, name, "111122223333", "us-west-2", std::move(name), std::move(request), std::move(response)};
}

TEST(KnownDetailsTest, facts_reach_findings) {
  Facts facts;
  facts.learn(
      row(1000, "RunInstances", "{}", R"({"instancesSet":{"items":[{"instanceId":"i-0a","imageId":"ami-1",
    "vpcId":"vpc-1","tagSet":{"items":[{"key":"Name","value":"web"}]},"networkInterfaceSet":{"items":[{
    "networkInterfaceId":"eni-0a","vpcId":"vpc-1","privateIpAddress":"10.0.0.4","privateDnsName":"ip-10-0-0-4"}]}}]}})"));
  facts.learn(row(1000, "CreateCluster", "{}",
                  R"({"cluster":{"name":"prod","arn":"arn:x","createdAt":"1970-01-01T00:00:01Z"}})"));
  const KnownDetails details(facts, nullptr);
  EXPECT_FALSE(details.instance("i-0a", 999));
  const auto instance = details.instance("i-0a", 1000);
  ASSERT_TRUE(instance);
  EXPECT_EQ(instance->image_id, "ami-1");
  EXPECT_EQ(instance->tags.front().second, "web");
  const auto interface = details.interface(instance->interface_ids.at(0), 1000);
  ASSERT_TRUE(interface);
  EXPECT_EQ(interface->private_ips.front().second, "ip-10-0-0-4");
  EXPECT_EQ(details.instance_by_ip("111122223333", "vpc-1", *IpAddress::parse("10.0.0.4"), 1000), "i-0a");
  EXPECT_EQ(details.cluster("111122223333", "us-west-2", "prod", 1000)->created_at, 1000);
  EXPECT_FALSE(details.geo(*IpAddress::parse("198.51.100.7")).known());
}

TEST(KnownDetailsTest, a_policy_is_judged_only_when_it_is_known) {
  Facts facts;
  facts.learn(row(1000, "CreateBucket", R"({"bucketName":"born"})"));
  facts.learn(row(1000, "PutBucketTagging",
                  R"({"bucketName":"older","Tagging":{"TagSet":{"Tag":{"Key":"a","Value":"b"}}}})"));
  facts.learn(
      row(1000, "PutBucketPolicy", R"({"bucketName":"open","bucketPolicy":{"Statement":[{"Effect":"Allow",
    "Principal":"*","Action":"s3:GetObject"}]}})"));
  const KnownDetails details(facts, nullptr);
  EXPECT_EQ(details.bucket("born", 1000)->policy_public_read, false);
  EXPECT_EQ(details.bucket("older", 1000)->policy_public_read, std::nullopt);
  EXPECT_EQ(details.bucket("open", 1000)->policy_public_read, true);
  EXPECT_EQ(details.bucket("open", 1000)->policy_public_write, false);
}

}  // namespace
}  // namespace picket
