#include "state/bucket_policy.h"

#include <gtest/gtest.h>

#include <string>

namespace picket {
namespace {

std::string grants(const std::string& statement) {
  const PublicGrants found = public_grants_of(R"({"Version":"2012-10-17","Statement":)" + statement + "}");
  return std::string(found.read ? "r" : "-") + (found.write ? "w" : "-");
}

TEST(BucketPolicyTest, everyone_may_be_written_in_several_ways) {
  EXPECT_EQ(grants(R"([{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}])"), "r-");
  EXPECT_EQ(grants(R"([{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["s3:PutObject"]}])"), "-w");
  EXPECT_EQ(grants(R"({"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::1:root","*"]},"Action":"s3:*"})"),
            "rw");
  EXPECT_EQ(
      grants(R"([{"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws:iam::1:root"},"Action":"s3:List*"}])"),
      "r-");
  EXPECT_EQ(grants(R"([{"Effect":"Allow","Principal":"*","NotAction":"s3:PutObject"}])"), "r-");
}

TEST(BucketPolicyTest, what_is_not_for_everyone_is_not_public) {
  EXPECT_EQ(grants(R"([{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:root"},"Action":"s3:*"}])"),
            "--");
  EXPECT_EQ(
      grants(
          R"([{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject"}])"),
      "--");
  EXPECT_EQ(grants(R"([{"Effect":"Allow","Principal":"*","Action":"s3:*","Condition":{"IpAddress":{}}}])"),
            "--");
  EXPECT_EQ(grants(R"([{"Effect":"Allow","Principal":"*","Action":"s3:GetBucketLocation"}])"), "--");
  EXPECT_EQ(
      grants(
          R"([{"Effect":"Allow","Principal":"*","Action":"s3:*"},{"Effect":"Deny","Principal":"*","Action":"s3:Put*"}])"),
      "r-");
}

TEST(BucketPolicyTest, what_is_no_policy_grants_nothing) {
  for (const char* text : {"", "{", "[]", "7", R"({"Statement":7})", R"({"Statement":[7,{"Effect":1}]})"}) {
    const PublicGrants found = public_grants_of(text);
    EXPECT_FALSE(found.read || found.write) << text;
  }
}

}  // namespace
}  // namespace picket
