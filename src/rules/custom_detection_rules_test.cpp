#include "rules/custom_detection_rules.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "rules/json_functions.h"
#include "rules/matcher.h"

namespace picket::rules {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(CustomDetectionRulesTest, are_all_there) {
  std::set<std::string> names, ids, types;
  std::map<Severity, int> severities;
  for (const CustomDetectionRule& rule : custom_detection_rules()) {
    names.insert(rule.name);
    ids.insert(rule.id);
    types.insert(rule.type);
    ++severities[rule.severity];
    EXPECT_EQ(rule.id.size(), 32U) << rule.name;
    EXPECT_TRUE(check(rule.when, LogKind::cloudtrail)) << rule.name;
    EXPECT_EQ(find_custom_detection_rule(rule.id), &rule);
  }
  // GuardDuty's page of custom detection rules: 35 rules raise 25 types.
  EXPECT_EQ(names.size(), 35U);
  EXPECT_EQ(ids.size(), 35U);
  EXPECT_EQ(types.size(), 25U);
  // The 33 that its API returned in September 2026 were 14 high, 16 medium, 3 low; the two others are high.
  EXPECT_EQ(severities[Severity::high], 16);
  EXPECT_EQ(severities[Severity::medium], 16);
  EXPECT_EQ(severities[Severity::low], 3);
}

TEST(CustomDetectionRulesTest, refuse_a_broken_catalogue) {
  EXPECT_FALSE(parse_custom_detection_rules("[[rule]]\nname = \"x\""));
  EXPECT_FALSE(parse_custom_detection_rules("rule = [1]"));
  EXPECT_FALSE(parse_custom_detection_rules("rule = ["));
}

std::string policy(std::string_view statement) { return R"({"Statement":[)" + std::string(statement) + "]}"; }

TEST(JsonFunctionsTest, principals_are_accounts) {
  EXPECT_THAT(
      get_aws_principal(
          policy(
              R"({"Effect":"Allow","Principal":{"AWS":["111122223333","arn:aws-cn:iam::444455556666:role/x"]}})"),
          ""),
      UnorderedElementsAre("111122223333", "444455556666"));
  EXPECT_THAT(get_aws_principal(policy(R"({"Effect":"Deny","Principal":{"AWS":"111122223333"}})"), ""),
              IsEmpty());
  EXPECT_THAT(
      get_aws_principal(policy(R"({"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}})"), ""),
      IsEmpty());
  EXPECT_THAT(
      get_aws_principal(
          policy(
              R"({"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"AWS:principalAccount":"444455556666"}}})"),
          ""),
      ElementsAre("444455556666"));
  EXPECT_THAT(
      get_aws_principal(
          policy(
              R"({"Effect":"Allow","Principal":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"444455556666"}}})"),
          ""),
      IsEmpty());
  // A unique id tells no account.
  EXPECT_THAT(
      get_aws_principal(policy(R"({"Effect":"Allow","Principal":{"AWS":"AIDAQ3EGVRYPEXAMPLE12"}})"), ""),
      IsEmpty());
  EXPECT_THAT(get_aws_principal("no policy", ""), IsEmpty());
  EXPECT_THAT(get_aws_principal("[1]", ""), IsEmpty());
}

TEST(JsonFunctionsTest, a_port_is_open_to_prefixes) {
  const auto opened = [](std::string_view permission) {
    return ingress_prefix_length(R"({"ipPermissions":{"items":[)" + std::string(permission) + "]}}", "22");
  };
  EXPECT_THAT(
      opened(
          R"({"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"},{"cidrIp":"10.0.0.0/8"}]}})"),
      ElementsAre("0", "8"));
  EXPECT_THAT(
      opened(
          R"({"ipProtocol":"tcp","fromPort":"20","toPort":"21","ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}})"),
      IsEmpty());
  EXPECT_THAT(
      opened(
          R"({"ipProtocol":"tcp","fromPort":"0","toPort":"65535","ipv6Ranges":{"items":[{"cidrIpv6":"::/0"}]}})"),
      ElementsAre("0"));
  EXPECT_THAT(
      opened(
          R"({"ipProtocol":"icmp","fromPort":-1,"toPort":-1,"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}})"),
      IsEmpty());
  EXPECT_THAT(opened(R"({"ipProtocol":"-1","ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}})"),
              ElementsAre("0"));
  EXPECT_THAT(opened("17"), IsEmpty());
}

TEST(JsonFunctionsTest, lifecycle_days_are_of_enabled_rules) {
  const auto days = [](std::string_view rule) {
    return lifecycle_expiration_days(R"({"LifecycleConfiguration":{"Rule":)" + std::string(rule) + "}}", "");
  };
  EXPECT_THAT(days(R"({"Status":"Enabled","Expiration":{"Days":1}})"), ElementsAre("1"));
  EXPECT_THAT(
      days(
          R"([{"Status":"Disabled","Expiration":{"Days":1}},{"Status":"Enabled","Expiration":{"Days":"30"}}])"),
      ElementsAre("30"));
  EXPECT_THAT(days(R"({"Status":"Enabled","NoncurrentVersionExpiration":{"NoncurrentDays":1}})"), IsEmpty());
  EXPECT_THAT(days("null"), IsEmpty());
}

}  // namespace
}  // namespace picket::rules
