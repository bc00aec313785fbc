#include "state/bucket_policy.h"

#include <gtest/gtest.h>

#include <string>

namespace picket {
namespace {

BucketPolicyVerdict verdict_of(const std::string& statements) {
  return evaluate_bucket_policy(R"({"Version":"2012-10-17","Statement":)" + statements + "}");
}

// "everyone rw", "authenticated --, taken back by 2": the whole verdict in a word.
std::string told(const std::string& statements) {
  const BucketPolicyVerdict verdict = verdict_of(statements);
  std::string text = verdict.audience == BucketAudience::everyone        ? "everyone"
                     : verdict.audience == BucketAudience::authenticated ? "authenticated"
                                                                         : "named";
  if (verdict.audience == BucketAudience::everyone) {
    text += std::string(" ") + (verdict.public_read ? "r" : "-") + (verdict.public_write ? "w" : "-");
  }
  if (!verdict.taken_back_by.empty()) text += ", taken back by " + verdict.taken_back_by;
  return text;
}

std::string allow(const std::string& rest) { return R"({"Effect":"Allow","Principal":"*",)" + rest + "}"; }
const std::string get = R"("Action":"s3:GetObject","Resource":"arn:aws:s3:::acme/*")";
std::string with(const std::string& condition) { return allow(get + R"(,"Condition":)" + condition); }

struct Case {
  std::string statements, expected;
};

TEST(BucketPolicyTest, principals) {
  for (
      const Case& one : std::initializer_list<Case>{
          {"[" + allow(get) + "]", "everyone r-"},
          {R"([{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["s3:PutObject"]}])", "everyone -w"},
          {R"({"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::1:root","*"]},"Action":"s3:*"})",
           "everyone rw"},
          {R"([{"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws:iam::1:root"},"Action":"s3:List*"}])",
           "everyone r-"},
          {R"([{"Effect":"Allow","Principal":"*","NotAction":"s3:PutObject"}])", "everyone rw"},
          {R"([{"Effect":"Allow","Principal":"*","NotAction":["s3:PutObject","s3:DeleteObject"]}])",
           "everyone r-"},
          {R"([{"Effect":"Allow","Principal":"*","Action":"S3:getobject"}])", "everyone r-"},
          {R"([{"Effect":"Allow","Principal":"*","Action":"s3:GetBucketLocation"}])", "everyone --"},
          {R"([{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"s3:*"}])",
           "named"},
          {R"([{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:*"}])", "named"},
          {R"([{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject"}])",
           "named"},
          {R"([{"Effect":"Deny","Principal":"*","Action":"s3:*"}])", "named"},
          {R"([{"Effect":"Allow","NotPrincipal":"*","Action":"s3:*"}])", "named"},
          {R"([{"Effect":"Allow","Principal":{"CanonicalUser":"79a59df900b949e5"},"Action":"s3:*"}])",
           "named"},
          {R"([{"Effect":"Allow","Principal":{"Service":"x.amazonaws.com","AWS":"*"},"Action":"s3:*"}])",
           "everyone rw"},
          {R"([{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","NotResource":"arn:aws:s3:::acme/a"}])",
           "everyone r-"},
      }) {
    EXPECT_EQ(told(one.statements), one.expected) << one.statements;
  }
}

TEST(BucketPolicyTest, conditions_that_name_somebody_make_it_private) {
  for (const char* condition :
       {R"({"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3"}})",
        R"({"StringEquals":{"aws:SourceVpce":"vpce-0a1b"}})",
        R"({"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}})",
        R"({"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:111122223333:*"}})",
        R"({"stringequals":{"AWS:sourceaccount":["111122223333","444455556666"]}})",
        R"({"StringEquals":{"kms:CallerAccount":"111122223333"}})",
        R"({"Bool":{"elasticfilesystem:AccessedViaMountTarget":"true"}})",
        R"({"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["o-a1b2c3/r-ab12/*"]}})",
        R"({"Bool":{"aws:SecureTransport":true},"StringEquals":{"aws:SourceVpc":"vpc-1"}})",
        R"({"IpAddressIfExists":{"aws:SourceIp":["203.0.113.0/24","10.0.0.0/8"]}})",
        R"({"Bool":{"aws:PrincipalIsAWSService":true}})",
        R"({"Bool":{"aws:PrincipalIsAWSService":"true"}})"}) {
    EXPECT_EQ(told(with(condition)), "named") << condition;
  }
}

TEST(BucketPolicyTest, conditions_that_only_ask_for_credentials) {
  for (const char* condition : {R"({"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/reader"}})",
                                R"({"StringNotEquals":{"aws:PrincipalType":"Anonymous"}})",
                                R"({"Null":{"aws:PrincipalAccount":"false"}})"}) {
    EXPECT_EQ(told(with(condition)), "authenticated") << condition;
  }
}

TEST(BucketPolicyTest, conditions_that_narrow_nothing) {
  for (const char* condition :
       {R"({"Bool":{"aws:SecureTransport":"true"}})", R"({"StringLike":{"aws:UserAgent":"app/*"}})",
        R"({"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}})",
        R"({"IpAddress":{"aws:SourceIp":["203.0.113.0/24","0.0.0.0/0"]}})",
        R"({"Bool":{"aws:PrincipalIsAWSService":false}})",
        R"({"StringNotEquals":{"aws:PrincipalAccount":"111122223333"}})",
        R"({"StringLike":{"aws:SourceVpce":"*"}})",
        R"({"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3"}})",
        R"({"StringEqualsIfExists":{"aws:SourceVpce":"vpce-0a1b"}})",
        R"({"StringEquals":{"aws:SourceArn":"${aws:PrincipalArn}"}})"}) {
    EXPECT_EQ(told(with(condition)), "everyone r-") << condition;
  }
}

TEST(BucketPolicyTest, denials_take_back_what_they_cover) {
  const std::string open = allow(get);
  for (
      const Case& one : std::initializer_list<Case>{
          {R"({"Sid":"Stop","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::acme/*"})",
           "everyone --, taken back by Stop"},
          {R"({"Effect":"Deny","Principal":"*","Action":"s3:Get*","Resource":"*"})",
           "everyone --, taken back by 2"},
          {R"({"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::1:root"},"Action":"s3:*","Resource":"*"})",
           "everyone --, taken back by 2"},
          {R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-0a1b"}}})",
           "everyone --, taken back by 2"},
          {R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}})",
           "everyone --, taken back by 2"},
          // Those that leave strangers in.
          {R"({"Effect":"Deny","Principal":"*","Action":"s3:Put*","Resource":"*"})", "everyone r-"},
          {R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::acme/private/*"})",
           "everyone r-"},
          {R"({"Effect":"Deny","Principal":"*","Action":"s3:*","NotResource":["arn:aws:s3:::acme/open/*"]})",
           "everyone r-"},
          {R"({"Effect":"Deny","NotPrincipal":"*","Action":"s3:*","Resource":"*"})", "everyone r-"},
          {R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"ForAnyValue:StringNotLike":{"aws:PrincipalOrgPaths":"o-a1/r-1/*"}}})",
           "everyone r-"},
          {R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-a1b2c3"}}})",
           "everyone --, taken back by 2"},
          {R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}})",
           "everyone r-"},
          {R"({"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::1:root"},"Action":"s3:*","Resource":"*"})",
           "everyone r-"},
          {R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotLike":{"aws:SourceVpce":"*"}}})",
           "everyone r-"},
      }) {
    EXPECT_EQ(told("[" + open + "," + one.statements + "]"), one.expected) << one.statements;
  }
}

TEST(BucketPolicyTest, a_grant_that_stands_counts_before_one_that_is_taken_back) {
  EXPECT_EQ(told("[" + allow(R"("Action":"s3:PutObject","Resource":"arn:aws:s3:::acme/*")") + "," +
                 allow(get) + R"(,{"Effect":"Deny","Principal":"*","Action":"s3:Put*","Resource":"*"}])"),
            "everyone r-");
}

TEST(BucketPolicyTest, other_accounts_are_listed) {
  const auto accounts =
      verdict_of(R"([{"Effect":"Allow","Principal":{"AWS":["444455556666","arn:aws:iam::111122223333:role/x",
      "AROAEXAMPLEID"]},"Action":"s3:*"},{"Effect":"Deny","Principal":{"AWS":"777788889999"},"Action":"s3:*"}])")
          .accounts;
  EXPECT_EQ(accounts, (std::vector<std::string>{"111122223333", "444455556666"}));
}

TEST(BucketPolicyTest, what_is_no_policy_lets_nobody_in) {
  for (const char* text :
       {"", "{", "[]", "7", R"({"Statement":7})", R"({"Statement":[7,{"Effect":1}]})",
        R"({"Statement":{"Effect":"Allow"}})", R"({"Statement":{"Effect":"Allow","Principal":7}})"}) {
    const BucketPolicyVerdict verdict = evaluate_bucket_policy(text);
    EXPECT_EQ(verdict.audience, BucketAudience::named) << text;
    EXPECT_FALSE(verdict.public_read || verdict.public_write) << text;
  }
}

}  // namespace
}  // namespace picket
