#include "state/facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace picket {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* account = "111122223333";
constexpr const char* region = "us-west-2";
constexpr TimeMs launch = 1'712'076'384'000;  // 2024-04-02T16:46:24Z

FactRow row(TimeMs time, std::string name, std::string request, std::string response = "") {
  const std::string id = name + std::to_string(time) + request;
  return {time, id, account, region, std::move(name), std::move(request), std::move(response)};
}

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

// An instance with one interface, as RunInstances answers.
FactRow run_instances(TimeMs time = launch) {
  return row(time, "RunInstances", R"({"instanceType":"t3a.nano"})", R"({"instancesSet":{"items":[{
    "instanceId":"i-0a","imageId":"ami-01","instanceType":"t3a.nano","launchTime":1712076384000,
    "instanceState":{"code":0,"name":"pending"},"placement":{"availabilityZone":"us-west-2b"},
    "iamInstanceProfile":{"arn":"arn:aws:iam::111122223333:instance-profile/web","id":"AIPA1"},
    "subnetId":"subnet-01","vpcId":"vpc-01","productCodes":{},"tagSet":{"items":[{"key":"Name","value":"web"}]},
    "networkInterfaceSet":{"items":[{"networkInterfaceId":"eni-0a","attachment":{"attachmentId":"eni-attach-1"},
      "groupSet":{"items":[{"groupId":"sg-01","groupName":"ssh"}]},"interfaceType":"interface","ipv6AddressesSet":{},
      "privateDnsName":"ip-10-0-0-4.us-west-2.compute.internal","privateIpAddress":"10.0.0.4",
      "privateIpAddressesSet":{"item":[{"primary":true,"privateIpAddress":"10.0.0.4"}]},
      "subnetId":"subnet-01","vpcId":"vpc-01","ownerId":"111122223333"}]}}]}})");
}

std::string saved(const Facts& facts) {
  std::string bytes;
  Writer out(bytes);
  facts.save(out);
  return bytes;
}

std::vector<std::string> tags_of(const std::vector<Tag>& tags) {
  std::vector<std::string> texts;
  for (const Tag& tag : tags) texts.push_back(tag.key + "=" + tag.value);
  return texts;
}

TEST(FactsTest, an_instance_is_known_from_its_launch) {
  Facts facts;
  facts.learn(run_instances());
  EXPECT_FALSE(facts.instance("i-0a", launch - 1));
  const auto instance = facts.instance("i-0a", launch);
  ASSERT_TRUE(instance);
  EXPECT_EQ(instance->account, account);
  EXPECT_EQ(instance->image_id, "ami-01");
  EXPECT_EQ(instance->launch_time, "2024-04-02T16:46:24Z");
  EXPECT_EQ(instance->state, "running");
  EXPECT_EQ(instance->availability_zone, "us-west-2b");
  EXPECT_EQ(instance->profile_arn, "arn:aws:iam::111122223333:instance-profile/web");
  EXPECT_THAT(tags_of(instance->tags), ElementsAre("Name=web"));
  EXPECT_THAT(instance->interface_ids, ElementsAre("eni-0a"));

  const auto interface = facts.interface("eni-0a", launch);
  ASSERT_TRUE(interface);
  EXPECT_EQ(interface->instance_id, "i-0a");
  EXPECT_EQ(interface->type, "interface");
  EXPECT_THAT(interface->private_ips, ElementsAre(ip("10.0.0.4")));
  EXPECT_THAT(interface->security_groups, ElementsAre(std::pair<std::string, std::string>("sg-01", "ssh")));
  EXPECT_EQ(facts.local_address("eni-0a", launch), ip("10.0.0.4"));
  EXPECT_EQ(facts.instance_by_ip(account, "vpc-01", ip("10.0.0.4"), launch), "i-0a");
  EXPECT_EQ(facts.instance_by_ip(account, "", ip("10.0.0.4"), launch), "i-0a");
  EXPECT_FALSE(facts.instance_by_ip(account, "vpc-02", ip("10.0.0.4"), launch));
  EXPECT_FALSE(facts.instance_by_ip("999988887777", "", ip("10.0.0.4"), launch));
}

TEST(FactsTest, an_address_passes_on_after_termination) {
  Facts facts;
  facts.learn(run_instances());
  facts.learn(
      row(launch + hour_ms, "TerminateInstances", "{}",
          R"({"instancesSet":{"items":[{"instanceId":"i-0a","currentState":{"name":"shutting-down"}}]}})"));
  EXPECT_EQ(facts.instance("i-0a", launch + hour_ms)->state, "terminated");
  EXPECT_EQ(facts.instance_by_ip(account, "", ip("10.0.0.4"), launch + hour_ms - 1), "i-0a");
  EXPECT_FALSE(facts.instance_by_ip(account, "", ip("10.0.0.4"), launch + hour_ms));
}

TEST(FactsTest, the_same_address_in_two_vpcs_names_no_instance) {
  Facts facts;
  facts.learn(run_instances());
  FactRow twin = run_instances();
  twin.id = "other";
  for (const auto& [from, to] : {std::pair{"i-0a", "i-0b"},
                                 {"eni-0a", "eni-0b"},
                                 {"vpc-01", "vpc-02"},
                                 {"eni-attach-1", "eni-attach-2"}}) {
    for (std::size_t at = 0; (at = twin.response.find(from, at)) != std::string::npos; at += 4) {
      twin.response.replace(at, std::string_view(from).size(), to);
    }
  }
  facts.learn(twin);
  EXPECT_EQ(facts.instance_by_ip(account, "vpc-01", ip("10.0.0.4"), launch), "i-0a");
  EXPECT_EQ(facts.instance_by_ip(account, "vpc-02", ip("10.0.0.4"), launch), "i-0b");
  EXPECT_FALSE(facts.instance_by_ip(account, "", ip("10.0.0.4"), launch));
}

TEST(FactsTest, an_elastic_address_moves_with_its_association) {
  Facts facts;
  facts.learn(run_instances());
  facts.learn(row(launch + 1000, "AllocateAddress", R"({"domain":"vpc"})",
                  R"({"publicIp":"198.51.100.9","allocationId":"eipalloc-1"})"));
  facts.learn(row(launch + 2000, "AssociateAddress", R"({"allocationId":"eipalloc-1","instanceId":"i-0a"})",
                  R"({"associationId":"eipassoc-1","_return":true})"));
  facts.learn(
      row(launch + 3000, "DisassociateAddress", R"({"associationId":"eipassoc-1"})", R"({"_return":true})"));
  facts.learn(row(launch + 4000, "AssociateAddress",
                  R"({"allocationId":"eipalloc-1","networkInterfaceId":"eni-0a"})",
                  R"({"associationId":"eipassoc-2"})"));
  facts.learn(row(launch + 5000, "ReleaseAddress", R"({"allocationId":"eipalloc-1"})"));

  EXPECT_THAT(facts.public_addresses_of_instance("i-0a", launch + 1999), IsEmpty());
  EXPECT_THAT(facts.public_addresses_of_instance("i-0a", launch + 2000), ElementsAre(ip("198.51.100.9")));
  EXPECT_THAT(facts.public_addresses_of_instance("i-0a", launch + 3000), IsEmpty());
  EXPECT_THAT(facts.public_addresses_of_instance("i-0a", launch + 4000), ElementsAre(ip("198.51.100.9")));
  EXPECT_THAT(facts.interface("eni-0a", launch + 4000)->public_ips, ElementsAre(ip("198.51.100.9")));
  EXPECT_THAT(facts.public_addresses_of_instance("i-0a", launch + 5000), IsEmpty());

  EXPECT_FALSE(facts.public_address(ip("198.51.100.9"), launch + 999));
  EXPECT_EQ(facts.public_address(ip("198.51.100.9"), launch + 1000)->account, account);
  EXPECT_EQ(facts.public_address(ip("198.51.100.9"), launch + 1000)->instance_id, "");
  EXPECT_EQ(facts.public_address(ip("198.51.100.9"), launch + 2000)->instance_id, "i-0a");
  EXPECT_EQ(facts.public_address(ip("198.51.100.9"), launch + 4000)->instance_id, "i-0a");
  EXPECT_FALSE(facts.public_address(ip("198.51.100.9"), launch + 5000));
}

TEST(FactsTest, an_instance_may_appear_from_its_vpcs_nat_gateway) {
  Facts facts;
  facts.learn(run_instances());
  facts.learn(
      row(launch, "AllocateAddress", "{}", R"({"publicIp":"203.0.113.5","allocationId":"eipalloc-2"})"));
  facts.learn(row(
      launch + 1000, "CreateNatGateway",
      R"({"CreateNatGatewayRequest":{"SubnetId":"subnet-02","AllocationId":"eipalloc-2"}})",
      R"({"CreateNatGatewayResponse":{"natGateway":{"natGatewayId":"nat-1","subnetId":"subnet-02","vpcId":"vpc-01",
                      "natGatewayAddressSet":{"item":{"allocationId":"eipalloc-2"}},"state":"pending"}}})"));
  facts.learn(
      row(launch + 2000, "DeleteNatGateway", R"({"DeleteNatGatewayRequest":{"NatGatewayId":"nat-1"}})"));
  EXPECT_THAT(facts.public_addresses_of_instance("i-0a", launch + 999), IsEmpty());
  EXPECT_THAT(facts.public_addresses_of_instance("i-0a", launch + 1000), ElementsAre(ip("203.0.113.5")));
  EXPECT_THAT(facts.public_addresses_of_instance("i-0a", launch + 2000), IsEmpty());
  const auto holder = facts.public_address(ip("203.0.113.5"), launch + 1000);
  ASSERT_TRUE(holder);
  EXPECT_TRUE(holder->nat_gateway);
  EXPECT_EQ(holder->vpc_id, "vpc-01");
  EXPECT_EQ(holder->instance_id, "");
  EXPECT_FALSE(facts.public_address(ip("203.0.113.5"), launch + 2000)->nat_gateway);
}

TEST(FactsTest, a_second_address_of_a_nat_gateway_is_its_own) {
  Facts facts;
  facts.learn(row(launch, "AssociateNatGatewayAddress", "{}",
                  R"({"AssociateNatGatewayAddressResponse":{"natGatewayId":"nat-1",
      "natGatewayAddressSet":{"item":{"publicIp":"203.0.113.6","status":"associating"}}}})"));
  EXPECT_TRUE(facts.public_address(ip("203.0.113.6"), launch)->nat_gateway);
}

TEST(FactsTest, an_instance_forwards_when_a_route_leads_to_it_or_nobody_checks_its_packets) {
  Facts facts;
  facts.learn(run_instances());
  facts.learn(row(launch + 1000, "ModifyInstanceAttribute",
                  R"({"instanceId":"i-0a","sourceDestCheck":{"value":false}})", R"({"_return":true})"));
  facts.learn(row(launch + 2000, "ModifyInstanceAttribute",
                  R"({"instanceId":"i-0a","sourceDestCheck":{"value":true}})", R"({"_return":true})"));
  facts.learn(
      row(launch + 3000, "ReplaceRoute",
          R"({"routeTableId":"rtb-1","destinationCidrBlock":"0.0.0.0/0","networkInterfaceId":"eni-0a"})",
          R"({"_return":true})"));
  EXPECT_FALSE(facts.forwards_traffic("i-0a", launch));
  EXPECT_TRUE(facts.forwards_traffic("i-0a", launch + 1000));
  EXPECT_FALSE(facts.forwards_traffic("i-0a", launch + 2000));
  EXPECT_TRUE(facts.forwards_traffic("i-0a", launch + 3000));
}

TEST(FactsTest, vpcs_share_a_transit_gateway_while_both_are_attached) {
  Facts facts;
  const auto attach = [&](TimeMs time, const std::string& attachment, const std::string& vpc) {
    facts.learn(row(time, "CreateTransitGatewayVpcAttachment", "{}",
                    R"({"CreateTransitGatewayVpcAttachmentResponse":{"transitGatewayVpcAttachment":{
        "transitGatewayAttachmentId":")" +
                        attachment + R"(","transitGatewayId":"tgw-1","vpcId":")" + vpc + R"("}}})"));
  };
  attach(1000, "tgw-attach-1", "vpc-01");
  attach(2000, "tgw-attach-2", "vpc-02");
  facts.learn(
      row(3000, "DeleteTransitGatewayVpcAttachment",
          R"({"DeleteTransitGatewayVpcAttachmentRequest":{"TransitGatewayAttachmentId":"tgw-attach-1"}})"));
  EXPECT_FALSE(facts.share_transit_gateway("vpc-01", "vpc-02", 1999));
  EXPECT_TRUE(facts.share_transit_gateway("vpc-01", "vpc-02", 2000));
  EXPECT_FALSE(facts.share_transit_gateway("vpc-01", "vpc-03", 2000));
  EXPECT_FALSE(facts.share_transit_gateway("vpc-01", "vpc-02", 3000));
}

TEST(FactsTest, a_customer_gateway_speaks_for_its_network) {
  Facts facts;
  facts.learn(row(1000, "CreateCustomerGateway", R"({"type":"ipsec.1","ipAddress":"203.0.113.1"})",
                  R"({"customerGateway":{"customerGatewayId":"cgw-1","ipAddress":"203.0.113.1"}})"));
  facts.learn(row(2000, "DeleteCustomerGateway", R"({"customerGatewayId":"cgw-1"})"));
  EXPECT_FALSE(facts.beside_customer_gateway(ip("203.0.113.9"), 999));
  EXPECT_TRUE(facts.beside_customer_gateway(ip("203.0.113.255"), 1000));
  EXPECT_FALSE(facts.beside_customer_gateway(ip("203.0.114.0"), 1000));
  EXPECT_FALSE(facts.beside_customer_gateway(ip("203.0.113.9"), 2000));
}

TEST(FactsTest, a_prefix_for_pods_is_the_interfaces_own) {
  Facts facts;
  facts.learn(run_instances());
  facts.learn(row(launch + 1000, "AssignPrivateIpAddresses",
                  R"({"networkInterfaceId":"eni-0a","ipv4PrefixCount":1})",
                  R"({"networkInterfaceId":"eni-0a","assignedIpv4PrefixSet":{"assignedIpv4PrefixSetType":[
      {"ipv4Prefix":"10.0.0.16/28"}]},"_return":true})"));
  facts.learn(
      row(launch + 2000, "UnassignPrivateIpAddresses",
          R"({"networkInterfaceId":"eni-0a","ipv4PrefixSet":{"items":[{"ipv4Prefix":"10.0.0.16/28"}]}})"));
  EXPECT_EQ(facts.instance_by_ip(account, "", ip("10.0.0.31"), launch + 1000), "i-0a");
  EXPECT_FALSE(facts.instance_by_ip(account, "", ip("10.0.0.32"), launch + 1000));
  EXPECT_FALSE(facts.instance_by_ip(account, "", ip("10.0.0.31"), launch + 2000));
}

TEST(FactsTest, a_spot_instance_that_was_taken_back_has_no_address) {
  Facts facts;
  facts.learn(run_instances());
  CloudTrailEvent event;
  event.event_source = "ec2.amazonaws.com";
  event.event_name = "BidEvictedEvent";
  event.event_type = "AwsServiceEvent";
  event.event_time = launch + 1000;
  event.recipient_account_id = account;
  event.service_event_details = RawJson(R"({"instanceIdSet":["i-0a"]})");
  const auto evicted = Facts::row_of(event);
  ASSERT_TRUE(evicted);
  facts.learn(*evicted);
  EXPECT_EQ(facts.instance_by_ip(account, "", ip("10.0.0.4"), launch), "i-0a");
  EXPECT_FALSE(facts.instance_by_ip(account, "", ip("10.0.0.4"), launch + 1000));
  EXPECT_THAT(facts.inner_addresses_of_instance("i-0a", launch), ElementsAre(ip("10.0.0.4")));
}

TEST(FactsTest, an_automatic_address_goes_when_the_instance_stops) {
  Facts facts;
  facts.learn(row(known_forever, "describe:instances", "",
                  R"({"InstanceId":"i-0a","State":{"Name":"running"},"VpcId":"vpc-01",
    "NetworkInterfaces":[{"NetworkInterfaceId":"eni-0a","OwnerId":"111122223333","VpcId":"vpc-01",
      "Attachment":{"AttachmentId":"eni-attach-1"},"PrivateIpAddress":"10.0.0.4",
      "Association":{"IpOwnerId":"amazon","PublicIp":"203.0.113.77","PublicDnsName":"ec2-203-0-113-77.example"}}]})"));
  facts.learn(
      row(launch, "StopInstances", "{}",
          R"({"instancesSet":{"items":[{"instanceId":"i-0a","currentState":{"name":"stopping"}}]}})"));
  EXPECT_EQ(facts.public_address(ip("203.0.113.77"), launch - 1)->account, account);
  EXPECT_EQ(facts.interface("eni-0a", launch - 1)->public_dns_name, "ec2-203-0-113-77.example");
  EXPECT_FALSE(facts.public_address(ip("203.0.113.77"), launch));
  EXPECT_EQ(facts.instance("i-0a", launch)->state, "stopped");
}

TEST(FactsTest, an_interface_follows_its_attachment_and_addresses) {
  Facts facts;
  facts.learn(
      row(1000, "CreateNetworkInterface", R"({"subnetId":"subnet-01","description":"spare"})",
          R"({"networkInterface":{"networkInterfaceId":"eni-0b","subnetId":"subnet-01","vpcId":"vpc-01",
                      "interfaceType":"interface","privateIpAddress":"10.0.0.9","groupSet":{"items":[{"groupId":"sg-02"}]}}})"));
  facts.learn(row(1000, "CreateSecurityGroup", R"({"groupName":"db"})", R"({"groupId":"sg-02"})"));
  facts.learn(row(2000, "AttachNetworkInterface",
                  R"({"networkInterfaceId":"eni-0b","instanceId":"i-0b","deviceIndex":1})",
                  R"({"attachmentId":"eni-attach-9"})"));
  facts.learn(row(
      3000, "AssignPrivateIpAddresses",
      R"({"networkInterfaceId":"eni-0b","privateIpAddressesSet":{"items":[{"privateIpAddress":"10.0.0.10"}]}})",
      R"({"_return":true})"));
  facts.learn(row(4000, "DetachNetworkInterface", R"({"attachmentId":"eni-attach-9","force":false})"));
  facts.learn(row(5000, "DeleteNetworkInterface", R"({"networkInterfaceId":"eni-0b"})"));
  EXPECT_EQ(facts.interface("eni-0b", 1000)->instance_id, "");
  EXPECT_EQ(facts.interface("eni-0b", 2000)->instance_id, "i-0b");
  EXPECT_THAT(facts.interface("eni-0b", 2999)->private_ips, ElementsAre(ip("10.0.0.9")));
  EXPECT_THAT(facts.interface("eni-0b", 3000)->private_ips, ElementsAre(ip("10.0.0.9"), ip("10.0.0.10")));
  EXPECT_EQ(facts.instance_by_ip(account, "", ip("10.0.0.10"), 3999), "i-0b");
  EXPECT_EQ(facts.interface("eni-0b", 4000)->instance_id, "");
  EXPECT_EQ(facts.interface("eni-0b", 4000)->security_groups.front().second, "db");
  EXPECT_FALSE(facts.instance_by_ip(account, "", ip("10.0.0.10"), 4000));
}

TEST(FactsTest, interfaces_of_services_are_told_apart) {
  const auto type_of = [](const std::string& members) {
    Facts facts;
    facts.learn(row(1, "CreateNetworkInterface", "{}",
                    R"({"networkInterface":{"networkInterfaceId":"eni-1",)" + members + "}}"));
    return facts.interface("eni-1", 1)->type;
  };
  EXPECT_EQ(type_of(R"("interfaceType":"network_load_balancer","description":"ELB net/x/1")"),
            "network_load_balancer");
  EXPECT_EQ(type_of(R"("interfaceType":"interface","description":"ELB app/web/1")"), "load_balancer");
  EXPECT_EQ(type_of(R"("interfaceType":"interface","description":"AWS Lambda VPC ENI-f")"), "lambda");
  EXPECT_EQ(
      type_of(R"("interfaceType":"interface","description":"RDSNetworkInterface","requesterManaged":true)"),
      "rds");
  EXPECT_EQ(type_of(R"("interfaceType":"interface","description":"","requesterManaged":true)"),
            "requester_managed");
  EXPECT_EQ(type_of(R"("interfaceType":"interface","description":"mine")"), "interface");
}

TEST(FactsTest, tags_are_put_and_removed) {
  Facts facts;
  facts.learn(run_instances());
  facts.learn(row(launch + 1000, "CreateTags",
                  R"({"resourcesSet":{"items":[{"resourceId":"i-0a"},{"resourceId":"vol-1"}]},
      "tagSet":{"items":[{"key":"env","value":"prod"},{"key":"Name","value":"db"}]}})",
                  R"({"_return":true})"));
  facts.learn(row(launch + 2000, "DeleteTags", R"({"resourcesSet":{"items":[{"resourceId":"i-0a"}]},
      "tagSet":{"items":[{"key":"env","value":"test"},{"key":"Name"}]}})"));
  facts.learn(row(launch + 3000, "DeleteTags", R"({"resourcesSet":{"items":[{"resourceId":"i-0a"}]}})"));
  EXPECT_THAT(tags_of(facts.instance("i-0a", launch + 1000)->tags), ElementsAre("Name=db", "env=prod"));
  EXPECT_THAT(tags_of(facts.instance("i-0a", launch + 2000)->tags), ElementsAre("env=prod"));
  EXPECT_THAT(tags_of(facts.instance("i-0a", launch + 3000)->tags), IsEmpty());
}

TEST(FactsTest, a_bucket_has_policy_switches_and_encryption_as_of_a_time) {
  Facts facts;
  facts.learn(row(1000, "CreateBucket", R"({"bucketName":"b","x-amz-acl":["public-read"]})"));
  facts.learn(row(2000, "PutBucketPolicy",
                  R"({"bucketName":"b","bucketPolicy":{"Version":"2012-10-17","Statement":[]}})"));
  facts.learn(row(
      2500, "PutBucketPublicAccessBlock",
      R"({"bucketName":"b","PublicAccessBlockConfiguration":{"BlockPublicAcls":true,"RestrictPublicBuckets":false}})"));
  facts.learn(
      row(2600, "PutBucketEncryption", R"({"bucketName":"b","ServerSideEncryptionConfiguration":{"Rule":{
      "ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"arn:aws:kms:us-west-2:1:key/k"}}}})"));
  facts.learn(row(
      2700, "PutBucketTagging",
      R"({"bucketName":"b","Tagging":{"TagSet":{"Tag":[{"Key":"team","Value":"a"},{"Key":"env","Value":"x"}]}}})"));
  facts.learn(row(2800, "PutAccountPublicAccessBlock",
                  R"({"PublicAccessBlockConfiguration":{"IgnorePublicAcls":true}})"));
  facts.learn(row(3000, "DeleteBucketPolicy", R"({"bucketName":"b"})"));
  facts.learn(
      row(3100, "PutBucketAcl", R"({"bucketName":"b","AccessControlPolicy":{"AccessControlList":{"Grant":[
      {"Grantee":{"URI":"http://acs.amazonaws.com/groups/global/AllUsers"},"Permission":"WRITE"}]}}})"));
  facts.learn(row(4000, "DeleteBucket", R"({"bucketName":"b"})"));
  facts.learn(row(5000, "CreateBucket", R"({"bucketName":"b"})"));

  EXPECT_FALSE(facts.bucket("b", 999));
  const auto young = facts.bucket("b", 2000);
  ASSERT_TRUE(young);
  EXPECT_EQ(young->owner_account, account);
  EXPECT_EQ(young->created_at, "1970-01-01T00:00:01.000Z");
  EXPECT_EQ(young->policy, R"({"Version":"2012-10-17","Statement":[]})");
  EXPECT_EQ(young->acl_public_read, true);
  EXPECT_EQ(young->acl_public_write, false);
  EXPECT_EQ(young->block_public_acls, std::nullopt);

  const auto old = facts.bucket("b", 3999);
  ASSERT_TRUE(old);
  EXPECT_EQ(old->policy, "");
  EXPECT_EQ(old->block_public_acls, true);
  EXPECT_EQ(old->block_public_policy, false);
  EXPECT_EQ(old->account_ignore_public_acls, true);
  EXPECT_EQ(old->encryption_type, "aws:kms");
  EXPECT_EQ(old->kms_key_arn, "arn:aws:kms:us-west-2:1:key/k");
  EXPECT_THAT(tags_of(old->tags), ElementsAre("team=a", "env=x"));
  EXPECT_EQ(old->acl_public_read, false);
  EXPECT_EQ(old->acl_public_write, true);

  EXPECT_FALSE(facts.bucket("b", 4000));
  ASSERT_TRUE(facts.bucket("b", 5000));
  EXPECT_EQ(facts.bucket("b", 5000)->encryption_type, "");  // a new bucket of an old name
  EXPECT_THAT(facts.bucket("b", 5000)->tags, IsEmpty());
}

TEST(FactsTest, clusters_and_endpoints_have_a_life) {
  Facts facts;
  facts.learn(
      row(1000, "CreateCluster", R"({"name":"prod"})", R"({"cluster":{"name":"prod","status":"CREATING",
      "arn":"arn:aws:eks:us-west-2:111122223333:cluster/prod","createdAt":"1970-01-01T00:00:01Z",
      "resourcesVpcConfig":{"vpcId":"vpc-01"},"tags":{"team":"a"}}})"));
  facts.learn(row(2000, "DeleteCluster", R"({"name":"prod"})"));
  facts.learn(row(1000, "CreateVpcEndpoint", "{}",
                  R"({"CreateVpcEndpointResponse":{"vpcEndpoint":{"vpcEndpointId":"vpce-1",
      "vpcId":"vpc-01","networkInterfaceIdSet":{"item":"eni-e"}}}})"));
  facts.learn(row(2000, "DeleteVpcEndpoints",
                  R"({"DeleteVpcEndpointsRequest":{"VpcEndpointId":{"content":"vpce-1","tag":1}}})"));
  const auto cluster = facts.cluster(account, region, "prod", 1000);
  ASSERT_TRUE(cluster);
  EXPECT_EQ(cluster->vpc_id, "vpc-01");
  EXPECT_EQ(cluster->status, "ACTIVE");
  EXPECT_EQ(cluster->created_at, 1000);
  EXPECT_THAT(tags_of(cluster->tags), ElementsAre("team=a"));
  EXPECT_FALSE(facts.cluster(account, region, "prod", 2000));
  EXPECT_FALSE(facts.cluster(account, "eu-west-1", "prod", 1000));
  EXPECT_EQ(facts.vpc_endpoint_owner("vpce-1", 1999), account);
  EXPECT_FALSE(facts.knows_account(account, 999));
  EXPECT_TRUE(facts.knows_account(account, 1000));
  EXPECT_FALSE(facts.knows_account("444455556666", 1000));
  EXPECT_FALSE(facts.vpc_endpoint_owner("vpce-1", 2000));
  EXPECT_EQ(facts.interface("eni-e", 1000)->type, "vpc_endpoint");
}

TEST(FactsTest, resources_are_what_runs_and_exists) {
  Facts facts;
  facts.learn(run_instances());
  facts.learn(row(launch, "CreateCluster", "{}", R"({"cluster":{"name":"prod","arn":"arn:aws:eks:1"}})"));
  facts.learn(row(launch, "CreateCluster", R"({"clusterName":"batch"})",
                  R"({"cluster":{"clusterName":"batch","clusterArn":"arn:aws:ecs:1"}})"));
  facts.learn(row(launch, "CreateCluster", R"({"clusterName":"gone"})",
                  R"({"cluster":{"clusterName":"gone","clusterArn":"arn:aws:ecs:2"}})"));
  facts.learn(row(launch + 1, "DeleteCluster", R"({"cluster":"arn:aws:ecs:us-west-2:1:cluster/gone"})"));
  facts.learn(row(launch + 2, "CreateTags", R"({"resourcesSet":{"items":[{"resourceId":"i-0a"}]},
      "tagSet":{"items":[{"key":"eks:cluster-name","value":"prod"}]}})"));
  std::vector<ResourceFact> found = facts.resources();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].type, ResourceType::eks);
  EXPECT_EQ(found[0].id, "prod");
  EXPECT_EQ(found[0].account, account);
  EXPECT_EQ(found[0].region, region);
  EXPECT_EQ(found[1].type, ResourceType::ecs);
  EXPECT_EQ(found[1].arn, "arn:aws:ecs:1");
  EXPECT_EQ(found[2].id, "i-0a");
  EXPECT_EQ(found[2].eks_cluster, "prod");
  EXPECT_EQ(found[2].news_at, launch + 2);
  EXPECT_FALSE(found[2].flows_until);

  InterfaceSighting flows{account, region, "eni-0a", "", "", "", {ip("10.0.0.4")}, launch, launch + 60'000};
  facts.learn(flows);
  EXPECT_EQ(facts.resources()[2].flows_until, launch + 60'000);
  facts.learn(row(launch + 90'000, "StopInstances", "{}", R"({"instancesSet":{"items":[{"instanceId":"i-0a",
      "currentState":{"code":64,"name":"stopping"}}]}})"));
  EXPECT_EQ(facts.resources().size(), 2U);
}

InterfaceSighting sighting(std::vector<IpAddress> candidates, TimeMs first, TimeMs last,
                           std::string instance = "") {
  return {account, region, "eni-f", std::move(instance), "vpc-09", "", std::move(candidates), first, last};
}

TEST(FactsTest, flow_records_narrow_an_interfaces_address) {
  Facts facts;
  facts.learn(sighting({ip("10.0.0.4"), ip("10.0.0.5")}, 10, 20));
  EXPECT_FALSE(facts.local_address("eni-f", 20));
  facts.learn(sighting({ip("10.0.0.4"), ip("198.51.100.1")}, 30, 40));
  EXPECT_EQ(facts.local_address("eni-f", 20), ip("10.0.0.4"));
  facts.learn(sighting({ip("10.0.0.9")}, 50, 60));
  EXPECT_FALSE(facts.local_address("eni-f", 60));
}

TEST(FactsTest, of_a_private_and_a_public_candidate_the_private_one_is_its_own) {
  Facts facts;
  facts.learn(sighting({ip("10.0.0.4"), ip("8.8.8.8")}, 10, 20));
  EXPECT_EQ(facts.local_address("eni-f", 20), ip("10.0.0.4"));
}

TEST(FactsTest, an_interface_that_passes_packets_on_is_a_gateways) {
  Facts facts;
  InterfaceSighting seen = sighting({ip("10.0.0.4")}, 10, 90);
  facts.learn(seen);
  EXPECT_EQ(facts.interface("eni-f", 90)->type, "");
  seen.forwards_since = 50;
  facts.learn(seen);
  facts.learn(sighting({ip("10.0.0.4")}, 10, 90));
  EXPECT_EQ(facts.interface("eni-f", 49)->type, "");
  EXPECT_EQ(facts.interface("eni-f", 50)->type, "nat_gateway");
  facts.learn(sighting({ip("10.0.0.4")}, 10, 90, "i-0a"));
  EXPECT_EQ(facts.interface("eni-f", 90)->type, "") << "an instance that passes packets on is one";
}

TEST(FactsTest, flow_records_that_name_the_instance_stand_in_for_the_inventory) {
  Facts facts;
  facts.learn(sighting({ip("10.0.0.4")}, 10, 20, "i-0a"));
  facts.learn(sighting({ip("10.0.0.4")}, 30, 40, "i-0b"));
  EXPECT_EQ(facts.interface("eni-f", 10)->instance_id, "i-0a");
  EXPECT_EQ(facts.interface("eni-f", 29)->instance_id, "i-0a");
  EXPECT_EQ(facts.interface("eni-f", 30)->instance_id, "i-0b");
  EXPECT_EQ(facts.instance_by_ip(account, "vpc-09", ip("10.0.0.4"), 30), "i-0b");
  EXPECT_EQ(facts.instance("i-0b", 30)->vpc_id, "vpc-09");
}

std::vector<FactRow> a_busy_history() {
  std::vector<FactRow> rows = {run_instances()};
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i);
    rows.push_back(row(launch + i / 3, "CreateTags",
                       R"({"resourcesSet":{"items":[{"resourceId":"i-0a"}]},
        "tagSet":{"items":[{"key":"k)" +
                           std::to_string(i % 7) + R"(","value":")" + n + R"("}]}})"));
    rows.push_back(row(launch + i, "AssociateAddress",
                       R"({"allocationId":"eipalloc-1","networkInterfaceId":"eni-0a"})",
                       R"({"associationId":"eipassoc-)" + n + R"("})"));
    rows.push_back(row(launch + i, "DisassociateAddress", R"({"associationId":"eipassoc-)" + n + R"("})"));
    rows.push_back(row(launch + i, "PutBucketPolicy",
                       R"({"bucketName":"b)" + std::to_string(i % 3) + R"(","policy":")" + n + R"("})"));
  }
  rows.push_back(
      row(launch, "AllocateAddress", "{}", R"({"publicIp":"198.51.100.9","allocationId":"eipalloc-1"})"));
  return rows;
}

TEST(FactsTest, the_order_of_learning_does_not_show) {
  std::vector<FactRow> rows = a_busy_history();
  std::vector<InterfaceSighting> sightings;
  for (int i = 0; i < 40; ++i) {
    sightings.push_back(sighting({ip("10.0.0.4"), ip("10.0.1." + std::to_string(i))}, 100 - i, 100 + i,
                                 "i-" + std::to_string(i)));
  }
  const auto learned = [&] {
    Facts facts;
    for (const FactRow& one : rows) facts.learn(one);
    for (const InterfaceSighting& one : sightings) facts.learn(one);
    return std::pair(saved(facts), facts.bytes());
  };
  const auto first = learned();
  std::mt19937 random(7);  // NOLINT: the same shuffles in every run
  for (int i = 0; i < 5; ++i) {
    std::ranges::shuffle(rows, random);
    std::ranges::shuffle(sightings, random);
    EXPECT_EQ(learned(), first);
  }
}

TEST(FactsTest, too_many_values_of_one_resource_lose_the_oldest_and_are_counted) {
  Facts facts;
  for (const FactRow& one : a_busy_history()) facts.learn(one);
  EXPECT_GT(facts.dropped(), 0U);
  EXPECT_EQ(facts.instance("i-0a", launch + 400)->image_id,
            "ami-01");  // churn of tags costs no other attribute
}

TEST(FactsTest, a_snapshot_brings_everything_back) {
  Facts facts;
  for (const FactRow& one : a_busy_history()) facts.learn(one);
  facts.learn(sighting({ip("10.0.0.4")}, 10, 20, "i-0z"));
  const std::string bytes = saved(facts);
  Facts back;
  Reader in(bytes);
  back.load(in);
  EXPECT_FALSE(in.failed());
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(saved(back), bytes);
  EXPECT_EQ(back.bytes(), facts.bytes());
  EXPECT_EQ(back.instance_by_ip(account, "", ip("10.0.0.4"), launch),
            facts.instance_by_ip(account, "", ip("10.0.0.4"), launch));
  EXPECT_EQ(back.interface("eni-f", 20)->instance_id, "i-0z");
}

TEST(FactsTest, a_cut_snapshot_fails_and_changes_nothing) {
  Facts facts;
  facts.learn(run_instances());
  const std::string bytes = saved(facts);
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    Facts other;
    other.learn(run_instances(launch + 5));
    const std::string before = saved(other);
    Reader in(std::string_view(bytes).substr(0, size));
    other.load(in);
    EXPECT_TRUE(in.failed()) << size;
    EXPECT_EQ(saved(other), before);
  }
}

TEST(FactsTest, over_budget_the_noisy_account_forgets_its_own) {
  Facts facts;
  facts.learn(run_instances(launch - day_ms));  // the quiet account's, and the oldest of all
  for (int i = 0; i < 500; ++i) {
    FactRow noisy =
        row(launch + i, "PutBucketPolicy", R"({"bucketName":"n)" + std::to_string(i) + R"(","policy":"x"})");
    noisy.name = "CreateBucket";
    noisy.account = "999988887777";
    facts.learn(noisy);
    FactRow placed = row(launch + i, "AllocateAddress", "{}",
                         R"({"publicIp":"198.51.)" + std::to_string(i / 250) + "." + std::to_string(i % 250) +
                             R"(","allocationId":"eipalloc-)" + std::to_string(i) + R"("})");
    placed.account = "999988887777";
    facts.learn(placed);
  }
  EXPECT_EQ(facts.evict(), 0U);
  const std::size_t before = facts.bytes();
  facts.set_bytes_max(before / 2);
  const std::size_t forgotten = facts.evict();
  EXPECT_GT(forgotten, 0U);
  EXPECT_EQ(facts.evicted(), forgotten);
  EXPECT_LE(facts.bytes(), before / 2);
  EXPECT_TRUE(facts.instance("i-0a", launch));
  EXPECT_FALSE(facts.public_address(ip("198.51.0.0"), launch + 1000));
  EXPECT_TRUE(facts.public_address(ip("198.51.1.249"), launch + 1000));
}

TEST(FactsTest, only_successful_calls_of_interest_make_a_row) {
  CloudTrailEvent event;
  event.event_source = "ec2.amazonaws.com";
  event.event_name = "CreateTags";
  event.request_parameters = RawJson("{}");
  event.recipient_account_id = account;
  EXPECT_TRUE(Facts::row_of(event));
  event.error_code = "Client.UnauthorizedOperation";
  EXPECT_FALSE(Facts::row_of(event));
  event.error_code = "";
  event.event_source = "rds.amazonaws.com";
  EXPECT_FALSE(Facts::row_of(event));
  event.event_source = "ec2.amazonaws.com";
  event.event_name = "DescribeInstances";
  EXPECT_FALSE(Facts::row_of(event));
}

TEST(FactsTest, rows_that_make_no_sense_teach_nothing) {
  Facts facts;
  for (const auto& [source, name] : Facts::interesting_calls()) {
    for (const char* text :
         {"", "null", "{", "[]", "7", R"("x")", R"({"instancesSet":7,"networkInterface":[],"tagSet":"x"})"}) {
      facts.learn(row(1, std::string(name), text, text));
    }
  }
  EXPECT_FALSE(facts.instance("", 1));
  EXPECT_FALSE(facts.interface("", 1));
}

constexpr const char* open_ssh = R"({"groupId":"sg-01","ipPermissions":{"items":[{"ipProtocol":"tcp",
    "fromPort":22,"toPort":22,"groups":{},"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"},{"cidrIp":"10.0.0.0/8"}]},
    "ipv6Ranges":{"items":[{"cidrIpv6":"::/0"}]},"prefixListIds":{}}]}})";

TEST(FactsTest, a_port_is_open_while_a_rule_lets_it) {
  Facts facts;
  facts.learn(run_instances());
  facts.learn(row(launch + 10, "AuthorizeSecurityGroupIngress", open_ssh));
  facts.learn(row(launch + 20, "RevokeSecurityGroupIngress", open_ssh));
  const auto open = [&](std::uint16_t port, const char* from, TimeMs at) {
    const auto rule = facts.opened_by("eni-0a", 6, port, ip(from), at);
    return rule ? rule->group_id + " " + rule->rule : std::string("no");
  };
  EXPECT_EQ(open(22, "203.0.113.7", launch + 9), "no");
  EXPECT_EQ(open(22, "203.0.113.7", launch + 10), "sg-01 tcp 22-22 0.0.0.0/0");
  EXPECT_EQ(open(22, "2001:db8::7", launch + 10), "sg-01 tcp 22-22 ::/0");
  EXPECT_EQ(open(23, "203.0.113.7", launch + 10), "no");
  EXPECT_FALSE(facts.opened_by("eni-0a", 17, 22, ip("203.0.113.7"), launch + 10));
  EXPECT_EQ(open(22, "203.0.113.7", launch + 20), "no");
}

TEST(FactsTest, a_rule_is_revoked_by_its_id) {
  Facts facts;
  facts.learn(run_instances());
  facts.learn(row(
      launch + 10, "AuthorizeSecurityGroupIngress", R"({"groupId":"sg-01"})",
      R"({"_return":true,"securityGroupRuleSet":{"items":[{"groupId":"sg-01","securityGroupRuleId":"sgr-1",
                      "isEgress":false,"ipProtocol":"-1","fromPort":-1,"toPort":-1,"cidrIpv4":"203.0.113.0/24"}]}})"));
  EXPECT_TRUE(facts.opened_by("eni-0a", 6, 8088, ip("203.0.113.7"), launch + 15));
  EXPECT_FALSE(facts.opened_by("eni-0a", 6, 8088, ip("198.51.100.7"), launch + 15));
  facts.learn(
      row(launch + 20, "RevokeSecurityGroupIngress",
          R"({"groupId":"sg-01","securityGroupRuleIds":{"items":[{"securityGroupRuleId":"sgr-1"}]}})"));
  EXPECT_FALSE(facts.opened_by("eni-0a", 6, 8088, ip("203.0.113.7"), launch + 25));
}

TEST(FactsTest, an_interface_tells_whose_function_it_was_made_for) {
  Facts facts;
  facts.learn(row(
      launch, "CreateNetworkInterface",
      R"({"description":"AWS Lambda VPC ENI-order-intake-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"})",
      R"({"networkInterface":{"networkInterfaceId":"eni-0f","interfaceType":"lambda","vpcId":"vpc-01"}})"));
  const auto interface = facts.interface("eni-0f", launch);
  ASSERT_TRUE(interface);
  EXPECT_EQ(interface->type, "lambda");
  EXPECT_EQ(interface->function_name, "order-intake");
}

TEST(FactsTest, a_function_is_known_until_it_is_deleted) {
  Facts facts;
  facts.learn(
      row(launch, "CreateFunction", "{}",
          R"({"functionName":"orders","functionArn":"arn:aws:lambda:us-west-2:111122223333:function:orders",
                      "role":"arn:aws:iam::111122223333:role/orders","version":"$LATEST",
                      "lastModified":"2024-04-02T16:46:24.000+0000"})"));
  facts.learn(row(launch + 20, "DeleteFunction",
                  R"({"functionName":"arn:aws:lambda:us-west-2:111122223333:function:orders"})"));
  const auto function = facts.function(account, region, "orders", launch + 10);
  ASSERT_TRUE(function);
  EXPECT_EQ(function->role, "arn:aws:iam::111122223333:role/orders");
  EXPECT_EQ(function->last_modified, launch);
  EXPECT_FALSE(facts.function(account, region, "orders", launch + 20));
  EXPECT_FALSE(facts.function(account, "eu-west-1", "orders", launch + 10));
}

TEST(FactsTest, a_cluster_of_emr_is_told_by_its_tag) {
  Facts facts;
  facts.learn(run_instances());
  EXPECT_FALSE(facts.emr_cluster_of("i-0a", launch));
  facts.learn(row(launch + 1, "CreateTags",
                  R"({"resourcesSet":{"items":[{"resourceId":"i-0a"}]},
                      "tagSet":{"items":[{"key":"aws:elasticmapreduce:job-flow-id","value":"j-1"}]}})"));
  EXPECT_EQ(facts.emr_cluster_of("i-0a", launch + 1), "j-1");
}

TEST(FactsTest, a_bucket_receives_a_trail_until_the_trail_moves_or_goes) {
  const auto put = [](TimeMs time, const char* name, const char* bucket) {
    return row(time, name, "{}", std::string(R"({"name":"all","s3BucketName":")") + bucket + R"("})");
  };
  Facts facts;
  facts.learn(row(launch + 3 * hour_ms, "DeleteTrail",
                  R"({"name":"arn:aws:cloudtrail:us-west-2:111122223333:trail/all"})"));
  facts.learn(put(launch + hour_ms, "UpdateTrail", "logs-2"));
  facts.learn(put(launch, "CreateTrail", "logs-1"));
  EXPECT_EQ(facts.trail_of_bucket("logs-1", launch - 1), std::nullopt);
  EXPECT_EQ(facts.trail_of_bucket("logs-1", launch), "all");
  EXPECT_EQ(facts.trail_of_bucket("logs-1", launch + hour_ms), std::nullopt);
  EXPECT_EQ(facts.trail_of_bucket("logs-2", launch + 2 * hour_ms), "all");
  EXPECT_EQ(facts.trail_of_bucket("logs-2", launch + 3 * hour_ms), std::nullopt);
  EXPECT_EQ(facts.trail_of_bucket("other", launch), std::nullopt);
}

TEST(FactsTest, a_bucket_that_cloudtrail_looks_at_receives_a_trail) {
  Facts facts;
  for (int i = 0; i < 1000; ++i)
    facts.learn(row(launch + i * minute_ms, "GetBucketAcl", R"({"bucketName":"logs"})"));
  EXPECT_EQ(facts.trail_of_bucket("logs", launch + 2 * day_ms), "CloudTrail");
  EXPECT_EQ(facts.dropped(), 0U);  // one claim a day
  CloudTrailEvent look;
  look.event_source = "s3.amazonaws.com";
  look.event_name = "GetBucketAcl";
  look.request_parameters = RawJson(R"({"bucketName":"logs"})");
  look.user_identity.invoked_by = "config.amazonaws.com";
  EXPECT_FALSE(Facts::row_of(look));
  look.user_identity.invoked_by = "cloudtrail.amazonaws.com";
  EXPECT_TRUE(Facts::row_of(look));

  FactRows rows;  // the first that succeeded is enough
  look.event_time = launch;
  look.error_code = "AccessDenied";
  rows.add(look);
  look.error_code = {};
  for (int i = 0; i < 3; ++i) rows.add(look);
  EXPECT_EQ(rows.all().size(), 1U);
  look.event_time = launch + day_ms;
  rows.add(look);
  EXPECT_EQ(rows.all().size(), 2U);
  look.request_parameters = RawJson(R"({"bucketName":"more-logs"})");
  rows.add(look);
  EXPECT_EQ(rows.all().size(), 3U);
}

}  // namespace
}  // namespace picket
