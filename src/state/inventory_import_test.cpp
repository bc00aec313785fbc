#include "state/inventory_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace picket {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

void learn(Facts& facts, std::string_view json, std::string_view account = "111122223333",
           std::string_view region = "us-west-2") {
  const auto rows = import_inventory(json, account, region);
  ASSERT_TRUE(rows) << rows.error().message();
  for (const FactRow& row : *rows) facts.learn(row);
}

std::string refusal(std::string_view json, std::string_view account = "111122223333",
                    std::string_view region = "us-west-2") {
  const auto rows = import_inventory(json, account, region);
  return rows ? "accepted" : rows.error().message();
}

constexpr std::string_view instances = R"({"Reservations":[{"OwnerId":"111122223333","Instances":[{
  "InstanceId":"i-0a","ImageId":"ami-1","InstanceType":"t3.micro","LaunchTime":"2024-04-02T16:46:24+00:00","Platform":"windows",
  "State":{"Code":16,"Name":"running"},"Placement":{"AvailabilityZone":"eu-west-1a"},"VpcId":"vpc-1","SubnetId":"subnet-1",
  "IamInstanceProfile":{"Arn":"arn:aws:iam::111122223333:instance-profile/web","Id":"AIPA1"},"Tags":[{"Key":"Name","Value":"web"}],
  "NetworkInterfaces":[{"NetworkInterfaceId":"eni-0a","OwnerId":"111122223333","VpcId":"vpc-1","SubnetId":"subnet-1",
    "Attachment":{"AttachmentId":"eni-attach-1","DeviceIndex":0},"Groups":[{"GroupId":"sg-1","GroupName":"ssh"}],
    "InterfaceType":"interface","Ipv6Addresses":[{"Ipv6Address":"2600:1f00::4"}],"PrivateIpAddress":"10.0.0.4",
    "PrivateIpAddresses":[{"Primary":true,"PrivateIpAddress":"10.0.0.4"},{"Primary":false,"PrivateIpAddress":"10.0.0.3"}],
    "Association":{"IpOwnerId":"111122223333","PublicIp":"203.0.113.50"}}]}]}]})";

TEST(InventoryImportTest, instances_are_known_since_forever) {
  Facts facts;
  learn(facts, instances, "", "");
  const auto instance = facts.instance("i-0a", 0);
  ASSERT_TRUE(instance);
  EXPECT_EQ(instance->account, "111122223333");
  EXPECT_EQ(instance->region, "eu-west-1");
  EXPECT_EQ(instance->platform, "windows");
  EXPECT_EQ(instance->state, "running");
  EXPECT_EQ(instance->launch_time, "2024-04-02T16:46:24Z");
  EXPECT_EQ(instance->tags.front().value, "web");
  const auto interface = facts.interface("eni-0a", 0);
  ASSERT_TRUE(interface);
  EXPECT_THAT(interface->private_ips, ElementsAre(ip("10.0.0.4"), ip("10.0.0.3")));
  EXPECT_THAT(interface->ipv6, ElementsAre(ip("2600:1f00::4")));
  EXPECT_EQ(interface->instance_id, "i-0a");
  EXPECT_THAT(facts.public_addresses_of_instance("i-0a", 0),
              ElementsAre(ip("203.0.113.50"), ip("2600:1f00::4")));
  EXPECT_EQ(facts.public_address(ip("203.0.113.50"), 0)->account, "111122223333");
}

TEST(InventoryImportTest, the_allocations_own_word_beats_an_elastic_address_seen_at_an_instance) {
  Facts facts;
  learn(facts, instances);
  learn(facts,
        R"({"Addresses":[{"PublicIp":"203.0.113.50","AllocationId":"eipalloc-1","AssociationId":"eipassoc-1",
      "NetworkInterfaceId":"eni-0a","InstanceId":"i-0a"}]})");
  facts.learn(FactRow{1000, "e", "111122223333", "us-west-2", "DisassociateAddress",
                      R"({"associationId":"eipassoc-1"})", ""});
  EXPECT_THAT(facts.interface("eni-0a", 999)->public_ips, ElementsAre(ip("203.0.113.50")));
  EXPECT_TRUE(facts.interface("eni-0a", 1000)->public_ips.empty());
}

TEST(InventoryImportTest, interfaces_gateways_endpoints_and_clusters_are_read) {
  Facts facts;
  learn(
      facts,
      R"({"NetworkInterfaces":[{"NetworkInterfaceId":"eni-l","InterfaceType":"lambda","OwnerId":"111122223333",
      "AvailabilityZone":"us-west-2b","PrivateIpAddress":"10.0.0.7","VpcId":"vpc-1"},
      {"NetworkInterfaceId":"eni-0b","InterfaceType":"interface","Attachment":{"AttachmentId":"eni-attach-2","InstanceId":"i-0b"},
      "PrivateIpAddress":"10.0.0.8","VpcId":"vpc-1"}]})");
  learn(facts,
        R"({"NatGateways":[{"NatGatewayId":"nat-1","VpcId":"vpc-1","SubnetId":"subnet-9","State":"available",
      "NatGatewayAddresses":[{"AllocationId":"eipalloc-9","NetworkInterfaceId":"eni-n","PrivateIp":"10.0.9.9","PublicIp":"203.0.113.9"}]}]})");
  learn(
      facts,
      R"({"VpcEndpoints":[{"VpcEndpointId":"vpce-1","VpcId":"vpc-1","OwnerId":"999988887777","NetworkInterfaceIds":["eni-e"]}]})");
  learn(
      facts,
      R"({"cluster":{"name":"prod","arn":"arn:aws:eks:eu-west-1:444455556666:cluster/prod","createdAt":1712076384.5,
      "resourcesVpcConfig":{"vpcId":"vpc-1"},"status":"ACTIVE","tags":{}}})",
      "", "");
  EXPECT_EQ(facts.interface("eni-l", 0)->type, "lambda");
  EXPECT_EQ(facts.instance_by_ip("111122223333", "vpc-1", ip("10.0.0.8"), 0), "i-0b");
  EXPECT_EQ(facts.interface("eni-n", 0)->type, "nat_gateway");
  EXPECT_EQ(facts.public_address(ip("203.0.113.9"), 0)->account, "111122223333");
  EXPECT_THAT(facts.public_addresses_of_instance("i-0b", 0), ElementsAre(ip("203.0.113.9")));
  EXPECT_EQ(facts.vpc_endpoint_owner("vpce-1", 0), "999988887777");
  EXPECT_EQ(facts.cluster("444455556666", "eu-west-1", "prod", 0)->created_at, 1'712'076'384'500);
}

TEST(InventoryImportTest, what_cannot_be_used_is_refused_by_name) {
  EXPECT_THAT(refusal("InstanceId  i-0a"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("{}"), HasSubstr("empty"));
  EXPECT_THAT(refusal(R"({"Volumes":[]})"), HasSubstr("\"Volumes\" is not an inventory known here"));
  EXPECT_THAT(refusal(R"({"Addresses":[],"Volumes":[]})"), HasSubstr("Volumes"));
  EXPECT_THAT(refusal(R"({"Addresses":7})"), HasSubstr("Addresses is not a list"));
  EXPECT_THAT(refusal(R"({"Reservations":[7]})"), HasSubstr("Reservations"));
  EXPECT_THAT(refusal(R"({"Reservations":[{"Instances":[{"ImageId":"x"}]}]})"),
              HasSubstr("Instances[0] has no InstanceId"));
  EXPECT_THAT(refusal(R"({"NatGateways":[7]})"), HasSubstr("NatGateways[0]"));
  EXPECT_THAT(refusal(R"({"cluster":{}})"), HasSubstr("cluster has no name"));
  EXPECT_THAT(refusal(R"({"clusters":["prod"]})"), HasSubstr("use ecs describe-clusters"));
  EXPECT_EQ(refusal(R"({"clusters":[{"clusterArn":"arn:aws:ecs:eu-west-1:111122223333:cluster/batch",
      "clusterName":"batch"}],"failures":[]})"),
            "accepted");
  EXPECT_THAT(refusal(R"({"Addresses":[{"PublicIp":"203.0.113.1"}]})", ""),
              HasSubstr("does not tell its account"));
  EXPECT_THAT(refusal(R"({"Addresses":[{"PublicIp":"203.0.113.1"}]})", "111122223333", ""),
              HasSubstr("does not tell its Region"));
  EXPECT_EQ(refusal(R"({"Addresses":[],"NextToken":"x"})"), "accepted");
}

TEST(InventoryImportTest, security_groups_and_functions) {
  Facts facts;
  const auto learn = [&](std::string_view json) {
    const auto rows = import_inventory(json, "", "us-west-2");
    ASSERT_TRUE(rows) << rows.error().message();
    for (const FactRow& row : *rows) facts.learn(row);
  };
  learn(R"({"SecurityGroups":[{"GroupId":"sg-01","GroupName":"web","OwnerId":"111122223333","IpPermissions":[
      {"IpProtocol":"tcp","FromPort":9200,"ToPort":9300,"IpRanges":[{"CidrIp":"0.0.0.0/0"}],"Ipv6Ranges":[]}]}]})");
  learn(R"({"NetworkInterfaces":[{"NetworkInterfaceId":"eni-0a","OwnerId":"111122223333",
      "AvailabilityZone":"us-west-2a","Groups":[{"GroupId":"sg-01"}]}]})");
  learn(R"({"Functions":[{"FunctionName":"orders","Role":"r",
      "FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:orders"}]})");
  const auto rule = facts.opened_by("eni-0a", 6, 9200, IpAddress::parse("203.0.113.7").value(), 0);
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->rule, "tcp 9200-9300 0.0.0.0/0");
  EXPECT_TRUE(facts.function("111122223333", "eu-west-1", "orders", 0));
}

}  // namespace
}  // namespace picket
