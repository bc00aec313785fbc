// What is decided before AWS is asked. What is done there, tests/e2e/playbooks.py tries.
#include <gmock/gmock.h>

#include "playbook/plan.h"

namespace picket::playbook {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

FindingFacts connection(std::string_view direction, std::string_view protocol,
                        std::string_view type = "x:EC2/y") {
  FindingFacts facts;
  facts.type = type;
  facts.action_type = "NETWORK_CONNECTION";
  facts.direction = direction;
  facts.protocol = protocol;
  facts.instance_id = "i-1";
  facts.remote_address = "198.51.100.7";
  return facts;
}

TEST(Evidence, OfAnInstanceIsWhatItDidItself) {
  EXPECT_TRUE(basis_of(connection("OUTBOUND", "TCP"), Subject::instance).firm);
  EXPECT_FALSE(basis_of(connection("OUTBOUND", "UDP"), Subject::instance).firm);
  EXPECT_FALSE(basis_of(connection("INBOUND", "TCP"), Subject::instance).firm);
  EXPECT_FALSE(
      basis_of(connection("OUTBOUND", "TCP", "Backdoor:EC2/DenialOfService.Tcp"), Subject::instance).firm);
  FindingFacts dns = connection("", "UDP");
  dns.action_type = "DNS_REQUEST";
  EXPECT_FALSE(basis_of(dns, Subject::instance).firm);
}

TEST(Evidence, OfAnAddressIsNeverTheInstancesChoice) {
  EXPECT_FALSE(basis_of(connection("OUTBOUND", "TCP"), Subject::address).firm);
  EXPECT_FALSE(basis_of(connection("INBOUND", "TCP"), Subject::address).firm);
  FindingFacts listed = connection("INBOUND", "TCP");
  listed.listed_on = {"feodo"};
  EXPECT_TRUE(basis_of(listed, Subject::address).firm);
  FindingFacts kubernetes = connection("", "");
  kubernetes.action_type = "KUBERNETES_API_CALL";
  EXPECT_FALSE(basis_of(kubernetes, Subject::address).firm);
  EXPECT_TRUE(basis_of(kubernetes, Subject::service_account).firm);
}

TEST(Evidence, OfAKeyIsASignatureThatAwsChecked) {
  FindingFacts call;
  call.type = "x:IAMUser/y";
  call.action_type = "AWS_API_CALL";
  EXPECT_TRUE(basis_of(call, Subject::access_key).firm);
  EXPECT_TRUE(basis_of(call, Subject::address).firm);
  call.api = "ConsoleLogin";
  EXPECT_TRUE(basis_of(call, Subject::access_key).firm);
  call.error_code = "Failed authentication";
  EXPECT_FALSE(basis_of(call, Subject::access_key).firm);
  call.error_code.clear();
  EXPECT_TRUE(basis_of(call, Subject::access_key).firm);
  call.unordered = true;
  EXPECT_FALSE(basis_of(call, Subject::access_key).firm);
  EXPECT_FALSE(basis_of(call, Subject::bucket).firm);
  call.unordered = false;
  call.sample = true;
  EXPECT_FALSE(basis_of(call, Subject::access_key).firm);
}

TEST(Facts, TellWhetherAFindingIsSure) {
  const auto told = [](std::string_view why) {
    return *facts_of(R"({"id":"f","type":"x:IAMUser/y","accountId":"111122223333","region":"eu-west-1",
      "service":{"additionalInfo":{"picket":{"why":{)" +
                     std::string(why) + "}}}}}");
  };
  EXPECT_TRUE(told(R"("provisional":"true")").provisional);
  EXPECT_TRUE(told(R"("never_judged_in_order":"true")").unordered);
  EXPECT_FALSE(told(R"("never_judged_in_order":"true")").provisional);
  EXPECT_FALSE(told(R"("threshold":"3")").unordered);
}

TEST(Facts, OfAnAttackSequenceAreItsActorsAndResources) {
  const auto facts =
      facts_of(R"({"id":"f","type":"AttackSequence:S3/CompromisedData","accountId":"111122223333",
    "region":"eu-west-1","resource":{"resourceType":"AttackSequence"},"service":{"detection":{"sequence":{
    "actors":[{"user":{"name":"old","type":"IAMUser","credentialUid":"AKIAOLD"}},
              {"user":{"name":"ops","type":"IAMUser","credentialUid":"AKIANEW"}}],
    "resources":[{"resourceType":"S3_BUCKET","uid":"exports"},
                 {"resourceType":"EC2_INSTANCE","uid":"arn:aws:ec2:eu-west-1:111122223333:instance/i-1"}]}}}})");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->access_key_id, "AKIANEW");
  EXPECT_EQ(facts->user_name, "ops");
  EXPECT_EQ(facts->instance_id, "i-1");
  EXPECT_EQ(facts->buckets, std::vector<std::string>{"exports"});
}

TEST(Subjects, ThatCannotBeActedOnAreTold) {
  FindingFacts facts;
  facts.type = "x:IAMUser/y";
  facts.access_key_id = "AKIAIOSFODNN7EXAMPLE";
  facts.user_type = "Root";
  EXPECT_THAT(subject_id_of("disable_access_key", facts).error().what, HasSubstr("root user"));
  facts.user_type = "AssumedRole";
  facts.access_key_id = "ASIAIOSFODNN7EXAMPLE";
  EXPECT_THAT(subject_id_of("disable_access_key", facts).error().what,
              HasSubstr("revoke the role's sessions"));
  facts.user_name = "deployer";
  EXPECT_EQ(subject_id_of("revoke_role_sessions", facts).value_or(""), "deployer");
  EXPECT_THAT(subject_id_of("isolate_instance", facts).error().what, HasSubstr("names no instance"));
  facts.kubernetes_user = "system:anonymous";
  EXPECT_FALSE(subject_id_of("quarantine_service_account", facts));
}

TEST(Protected, AreNamesAddressesAndRolesOfAws) {
  const auto protection =
      Protection::make({"break-glass*", "203.0.113.0/24", "arn:aws:iam::*:role/ci/*"}, "");
  ASSERT_TRUE(protection);
  const auto of = [&](const char* address) { return protection->of_address(*IpAddress::parse(address)); };
  EXPECT_THAT(of("203.0.113.9"), HasSubstr("203.0.113.0/24"));
  EXPECT_THAT(of("198.51.100.7"), IsEmpty());
  EXPECT_THAT(of("10.0.0.1"), HasSubstr("not an address of the public Internet"));
  EXPECT_THAT(of("127.0.0.1"), HasSubstr("not an address of the public Internet"));
  EXPECT_THAT(of("104.16.0.9"), HasSubstr("content delivery network"));
  EXPECT_THAT(protection->of_name({"break-glass-1"}), HasSubstr("break-glass*"));
  EXPECT_THAT(protection->of_name({"x", "arn:aws:iam::111122223333:role/ci/build"}), HasSubstr("role/ci"));
  EXPECT_THAT(protection->of_name({"", "glass"}), IsEmpty());
  EXPECT_THAT(protection->of_role("/aws-service-role/support.amazonaws.com/", "x"),
              HasSubstr("service-linked"));
  EXPECT_THAT(protection->of_role("/", "AWSReservedSSO_Admin_1"), HasSubstr("Identity Center"));
  EXPECT_THAT(protection->of_role("/", "deployer"), IsEmpty());
}

TEST(Runs, ReadBackAsTheyWereWritten) {
  playbook::Run run{
      .id = "r", .playbook = "p", .action = "disable_access_key", .state = "running", .actor = "cli/a"};
  run.steps = {{.kind = "access_key_status",
                .resource = "k",
                .where = {{"user", "u"}},
                .before = "Active",
                .after = "Inactive",
                .status = "begun"}};
  run.calls = {{5, "iam.amazonaws.com", "UpdateAccessKey", "us-east-1", "request", "AKIA"}};
  const auto read = parse_run(run_json(run, true));
  ASSERT_TRUE(read);
  EXPECT_EQ(run_json(*read, true), run_json(run, true));
  EXPECT_THAT(run_json(run, false), ::testing::Not(HasSubstr("request")));
  EXPECT_FALSE(parse_run("[]"));
}

TEST(RevokePolicy, TellsItsTime) {
  const TimeMs time = *parse_time("2026-09-16T05:00:00.000Z");
  EXPECT_EQ(revoked_before(revoke_policy(time)), time);
  EXPECT_EQ(revoked_before("none"), 0);
  EXPECT_EQ(revoked_before(R"({"Statement":[{"Effect":"Allow"}]})"), 0);
}

TEST(IpSets, AreNamedByArn) {
  const auto regional = parse_ip_set_arn("arn:aws:wafv2:eu-west-1:111122223333:regional/ipset/blocked/id");
  ASSERT_TRUE(regional);
  EXPECT_EQ(regional->scope, "REGIONAL");
  EXPECT_EQ(regional->name, "blocked");
  EXPECT_EQ(parse_ip_set_arn("arn:aws:wafv2:us-east-1:111122223333:global/ipset/b/i")->scope, "CLOUDFRONT");
  for (const char* text :
       {"", "blocked", "arn:aws:wafv2:eu-west-1:1:regional/webacl/b/i", "arn:aws:ec2:x:1:regional/ipset/b/i"})
    EXPECT_FALSE(parse_ip_set_arn(text)) << text;
}

TEST(StepKinds, AreKnownByName) {
  for (const char* name :
       {"snapshots", "scaling_group", "interface_groups", "network_acl_entry", "access_key_status",
        "role_policy", "public_access_block", "ip_set_member", "binding_subjects"})
    ASSERT_NE(find_step_kind(name), nullptr) << name;
  EXPECT_EQ(find_step_kind("x"), nullptr);
}

}  // namespace
}  // namespace picket::playbook
