#include "aws/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace picket::aws {
namespace {

using ::testing::HasSubstr;

Policy policy(const std::string& statements) {
  auto parsed = parse_policy(R"({"Version": "2012-10-17", "Statement": )" + statements + "}");
  if (!parsed) throw std::runtime_error(parsed.error().message());
  return *parsed;
}

TEST(Policies, DenyWinsWhateverTheOrder) {
  for (
      const char* statements :
      {R"([{"Effect": "Allow", "Action": "guardduty:*"}, {"Effect": "Deny", "Action": "guardduty:Delete*"}])",
       R"([{"Effect": "Deny", "Action": "guardduty:Delete*"}, {"Effect": "Allow", "Action": "guardduty:*"}])"}) {
    const Policy made = policy(statements);
    EXPECT_EQ(made.judge("guardduty:ListFindings"), Verdict::allow);
    EXPECT_EQ(made.judge("guardduty:DeleteDetector"), Verdict::deny);
    EXPECT_EQ(made.judge("sts:AssumeRole"), Verdict::none);
  }
}

TEST(Policies, PatternsAreIamS) {
  const auto allows = [](const std::string& pattern, std::string_view action) {
    return policy(R"({"Effect": "Allow", "Action": [")" + pattern + "\"]}").judge(action) == Verdict::allow;
  };
  EXPECT_TRUE(allows("*", "sts:GetCallerIdentity"));
  EXPECT_TRUE(allows("GuardDuty:get*", "guardduty:GetFindings"));
  EXPECT_TRUE(allows("guardduty:*Findings", "guardduty:ArchiveFindings"));
  EXPECT_TRUE(allows("guardduty:Get?indings", "guardduty:GetFindings"));
  EXPECT_TRUE(allows("guardduty:G*t*s", "guardduty:GetFindingsStatistics"));
  EXPECT_FALSE(allows("guardduty:Get", "guardduty:GetFindings"));
  EXPECT_FALSE(allows("guardduty:?GetFindings", "guardduty:GetFindings"));
  EXPECT_FALSE(allows("sts:*", "guardduty:GetFindings"));
}

TEST(Policies, WhatIsNotUnderstoodIsRefused) {
  const auto refused = [](const std::string& text, std::string_view why) {
    const auto parsed = parse_policy(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message(), HasSubstr(std::string(why)));
  };
  refused("[]", "not a JSON object");
  refused("{", "not a JSON object");
  refused("{}", "no Statement");
  refused(R"({"Statement": []})", "no Statement");
  refused(R"({"Statement": {"Effect": "Allow", "Action": "x:y", "Condition": {}}})", "not Condition");
  refused(R"({"Statement": {"Effect": "Allow", "NotAction": "x:y"}})", "not NotAction");
  refused(R"({"Statement": {"Effect": "allow", "Action": "x:y"}})", "Allow or Deny");
  refused(R"({"Statement": {"Effect": "Allow"}})", "needs an Action");
  refused(R"({"Statement": {"Effect": "Allow", "Action": [7]}})", "Action must be");
  refused(R"({"Statement": {"Effect": "Allow", "Action": "GetFindings"}})", "SERVICE:NAME");
  refused(R"({"Statement": {"Effect": "Allow", "Action": "x:y", "Resource": "arn:aws:x"}})",
          "Resource can only");
  refused("{\"Statement\": \"" + std::string(7'000, 'a') + "\"}", "6144");
}

TEST(Policies, AreWrittenAsTheyAreRead) {
  const Policy made =
      policy(R"([{"Sid": "a", "Effect": "Deny", "Action": ["a:B", "c:*"], "Resource": ["*"]}])");
  const std::string text = write_policy(made);
  EXPECT_EQ(write_policy(*parse_policy(text)), text);
  EXPECT_THAT(text, HasSubstr(R"({"Effect":"Deny","Action":["a:B","c:*"],"Resource":"*"})"));
}

}  // namespace
}  // namespace picket::aws
