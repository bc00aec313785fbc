// What calls are for, in the request parameters that CloudTrail records: each API's grave call beside its
// harmless one.
#include "state/call_aim.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

CallAim read(std::string_view service, std::string_view api, std::string_view parameters,
             std::string_view user = "") {
  const std::string source = std::string(service) + ".amazonaws.com";
  CloudTrailEvent event;
  event.event_source = source;
  event.event_name = api;
  event.recipient_account_id = "111122223333";
  event.user_identity.user_name = user;
  event.request_parameters = RawJson(parameters);
  return aim_of(event);
}
Aim aim(std::string_view service, std::string_view api, std::string_view parameters,
        std::string_view user = "") {
  return read(service, api, parameters, user).aim;
}

TEST(CallAim, UntoldWithoutParametersOrOfOtherApis) {
  EXPECT_EQ(aim("iam", "AttachUserPolicy", "null"), Aim::untold);
  EXPECT_EQ(aim("iam", "AttachUserPolicy", ""), Aim::untold);
  EXPECT_EQ(aim("iam", "AttachUserPolicy", "{\"policyArn\":"), Aim::untold);
  EXPECT_EQ(aim("iam", "ListUsers", R"({"policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"})"),
            Aim::untold);
  EXPECT_FALSE(tells_aim("iam.amazonaws.com", "ListUsers"));
  EXPECT_TRUE(tells_aim("iam.amazonaws.com", "CreateRole"));
}

TEST(CallAim, AllRights) {
  EXPECT_EQ(aim("iam", "AttachUserPolicy",
                R"({"userName":"u","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"})"),
            Aim::all_rights);
  EXPECT_EQ(aim("iam", "AttachRolePolicy", R"({"policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"})"),
            Aim::ordinary);
  EXPECT_EQ(aim("eks", "AssociateAccessPolicy",
                R"({"policyArn":"arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"})"),
            Aim::all_rights);
  EXPECT_EQ(
      aim("iam", "PutUserPolicy",
          R"({"policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"})"),
      Aim::all_rights);
  EXPECT_EQ(
      aim("iam", "CreatePolicyVersion",
          R"({"policyDocument":"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":[\"s3:Get*\",\"iam:*\"],\"Resource\":[\"*\"]}}"})"),
      Aim::all_rights);
  EXPECT_EQ(
      aim("iam", "PutRolePolicy",
          R"({"policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"arn:aws:s3:::b\"}]}"})"),
      Aim::ordinary);
  EXPECT_EQ(
      aim("iam", "PutRolePolicy",
          R"({"policyDocument":"{\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}]}"})"),
      Aim::ordinary);
}

TEST(CallAim, BucketPoliciesThatHarmNobody) {
  const auto policy = [](const std::string& statements) {
    return aim("s3", "PutBucketPolicy",
               R"({"bucketName":"b","bucketPolicy":{"Statement":[)" + statements + "]}}");
  };
  const std::string organisation =
      R"({"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}})";
  const std::string plain_requests =
      R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}})";
  const std::string all_but_one =
      R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*","Condition":{"StringNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/x"}}})";
  EXPECT_EQ(policy(organisation), Aim::harmless);
  EXPECT_EQ(policy(organisation + ',' + plain_requests), Aim::harmless);
  EXPECT_EQ(policy(all_but_one), Aim::ordinary);
  EXPECT_EQ(policy(R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*"})"),
            Aim::ordinary);
  EXPECT_EQ(
      policy(R"({"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"})"),
      Aim::outsiders);
}

TEST(CallAim, Outsiders) {
  const CallAim trust = read(
      "iam", "UpdateAssumeRolePolicy",
      R"({"policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":)"
      R"([\"arn:aws:iam::999988887777:root\",\"444455556666\",\"arn:aws:iam::111122223333:root\"]},\"Action\":\"sts:AssumeRole\"}]}"})");
  EXPECT_EQ(trust.aim, Aim::outsiders);
  EXPECT_EQ(trust.accounts, "444455556666 999988887777");
  EXPECT_EQ(
      aim("iam", "CreateRole",
          R"({"assumeRolePolicyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"})"),
      Aim::ordinary);
  const CallAim disk = read("ec2", "ModifySnapshotAttribute",
                            R"({"createVolumePermission":{"add":{"items":[{"userId":"999988887777"}]}}})");
  EXPECT_EQ(disk.aim, Aim::outsiders);
  EXPECT_EQ(disk.accounts, "999988887777");
  EXPECT_EQ(aim("ec2", "ModifySnapshotAttribute",
                R"({"createVolumePermission":{"remove":{"items":[{"userId":"999988887777"}]}}})"),
            Aim::ordinary);
  const CallAim everybody =
      read("ec2", "ModifyImageAttribute", R"({"launchPermission":{"add":{"items":[{"group":"all"}]}}})");
  EXPECT_EQ(everybody.aim, Aim::outsiders);
  EXPECT_TRUE(everybody.accounts.empty());
  EXPECT_EQ(aim("rds", "ModifyDBSnapshotAttribute",
                R"({"attributeName":"restore","valuesToAdd":["999988887777"]})"),
            Aim::outsiders);
  EXPECT_EQ(aim("rds", "ModifyDBSnapshotAttribute",
                R"({"attributeName":"restore","valuesToAdd":["111122223333"]})"),
            Aim::ordinary);
  EXPECT_EQ(
      aim("s3", "PutBucketPolicy",
          R"({"bucketName":"b","bucketPolicy":{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}})"),
      Aim::outsiders);
  EXPECT_EQ(
      aim("s3", "PutBucketPolicy",
          R"({"bucketName":"b","bucketPolicy":{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}})"),
      Aim::ordinary);
  EXPECT_EQ(aim("s3", "PutBucketAcl", R"({"acl":"","x-amz-acl":"public-read"})"), Aim::outsiders);
  EXPECT_EQ(aim("s3", "PutBucketAcl", R"({"acl":"","x-amz-acl":"private"})"), Aim::ordinary);
  EXPECT_EQ(
      aim("s3", "PutBucketAcl",
          R"({"AccessControlPolicy":{"AccessControlList":{"Grant":{"Grantee":{"URI":"http://acs.amazonaws.com/groups/global/AllUsers"},"Permission":"READ"}}}})"),
      Aim::outsiders);
  EXPECT_EQ(aim("s3", "PutBucketPublicAccessBlock",
                R"({"PublicAccessBlockConfiguration":{"BlockPublicAcls":false}})"),
            Aim::outsiders);
  EXPECT_EQ(aim("s3", "PutBucketPublicAccessBlock",
                R"({"PublicAccessBlockConfiguration":{"BlockPublicAcls":true}})"),
            Aim::harmless);
  EXPECT_EQ(aim("lambda", "AddPermission20150331v2", R"({"principal":"*"})"), Aim::outsiders);
  EXPECT_EQ(aim("lambda", "AddPermission20150331v2", R"({"principal":"s3.amazonaws.com"})"), Aim::ordinary);
  EXPECT_EQ(aim("lambda", "UpdateFunctionConfiguration20150331v2",
                R"({"layers":["arn:aws:lambda:us-east-1:999988887777:layer:t:1"]})"),
            Aim::outsiders);
  EXPECT_EQ(aim("lambda", "UpdateFunctionConfiguration20150331v2", R"({"memorySize":512})"), Aim::ordinary);
}

TEST(CallAim, KnownAccountsAreNoOutsiders) {
  const CallAim two{Aim::outsiders, "444455556666 999988887777"};
  EXPECT_EQ(two.among([](std::string_view account) { return account == "444455556666"; }), Aim::outsiders);
  EXPECT_EQ(two.among([](std::string_view account) { return account.size() == 12; }), Aim::ordinary);
  const CallAim everybody{Aim::outsiders, {}};
  EXPECT_EQ(everybody.among([](std::string_view) { return true; }), Aim::outsiders);
}

TEST(CallAim, Exposure) {
  const auto ingress = [](std::string_view cidr, int port) {
    return std::string(R"({"ipPermissions":{"items":[{"fromPort":)") + std::to_string(port) +
           R"(,"toPort":)" + std::to_string(port) + R"(,"ipRanges":{"items":[{"cidrIp":")" +
           std::string(cidr) + R"("}]}}]}})";
  };
  EXPECT_EQ(aim("ec2", "AuthorizeSecurityGroupIngress", ingress("0.0.0.0/0", 22)), Aim::exposure);
  EXPECT_EQ(aim("ec2", "AuthorizeSecurityGroupIngress", ingress("10.0.0.0/8", 22)), Aim::ordinary);
  EXPECT_EQ(aim("ec2", "AuthorizeSecurityGroupIngress", ingress("0.0.0.0/0", 443)), Aim::ordinary);
  EXPECT_EQ(
      aim("ec2", "AuthorizeSecurityGroupIngress", R"({"cidrIp":"0.0.0.0/0","fromPort":3389,"toPort":3389})"),
      Aim::exposure);
  EXPECT_EQ(aim("rds", "ModifyDBInstance", R"({"publiclyAccessible":true})"), Aim::exposure);
}

TEST(CallAim, Unguarded) {
  EXPECT_EQ(aim("s3", "PutBucketVersioning", R"({"VersioningConfiguration":{"Status":"Suspended"}})"),
            Aim::unguarded);
  EXPECT_EQ(aim("s3", "PutBucketVersioning", R"({"VersioningConfiguration":{"Status":"Enabled"}})"),
            Aim::ordinary);
  EXPECT_EQ(aim("s3", "PutBucketLifecycle",
                R"({"LifecycleConfiguration":{"Rule":[{"Status":"Enabled","Expiration":{"Days":1}}]}})"),
            Aim::unguarded);
  EXPECT_EQ(aim("s3", "PutBucketLifecycle",
                R"({"LifecycleConfiguration":{"Rule":{"Status":"Enabled","Expiration":{"Days":4}}}})"),
            Aim::ordinary);
  EXPECT_EQ(aim("rds", "DeleteDBInstance", R"({"skipFinalSnapshot":true})"), Aim::unguarded);
  EXPECT_EQ(aim("rds", "DeleteDBInstance", R"({"skipFinalSnapshot":false})"), Aim::ordinary);
  EXPECT_EQ(aim("guardduty", "UpdateDetector", R"({"enable":false})"), Aim::unguarded);
  EXPECT_EQ(aim("s3", "CopyObject", R"({"x-amz-server-side-encryption-customer-algorithm":"AES256"})"),
            Aim::unguarded);
  EXPECT_EQ(aim("s3", "CopyObject", R"({"x-amz-server-side-encryption":"aws:kms"})"), Aim::untold);
}

TEST(CallAim, WhatWatchesIsStrengthened) {
  const auto policy = [](int length, std::string_view kinds) {
    return R"({"minimumPasswordLength":)" + std::to_string(length) + R"(,"requireSymbols":)" +
           std::string(kinds) +
           R"(,"requireNumbers":true,"requireUppercaseCharacters":true,"requireLowercaseCharacters":true})";
  };
  EXPECT_EQ(aim("iam", "UpdateAccountPasswordPolicy", policy(14, "false")), Aim::harmless);
  EXPECT_EQ(aim("iam", "UpdateAccountPasswordPolicy", policy(8, "true")), Aim::harmless);
  EXPECT_EQ(aim("iam", "UpdateAccountPasswordPolicy", policy(8, "false")), Aim::untold);
  EXPECT_EQ(aim("iam", "UpdateAccountPasswordPolicy", policy(7, "true")), Aim::untold);
  EXPECT_EQ(aim("cloudtrail", "UpdateTrail", R"({"name":"t","isMultiRegionTrail":true})"), Aim::harmless);
  EXPECT_EQ(aim("cloudtrail", "UpdateTrail", R"({"name":"t","isMultiRegionTrail":false})"), Aim::untold);
  EXPECT_EQ(aim("cloudtrail", "UpdateTrail", R"({"name":"t","s3BucketName":"elsewhere"})"), Aim::untold);
  EXPECT_EQ(aim("cloudtrail", "UpdateTrail", R"({"name":"t","kmsKeyId":"alias/other"})"), Aim::untold);
  EXPECT_EQ(aim("cloudtrail", "PutEventSelectors",
                R"({"eventSelectors":[{"readWriteType":"All","includeManagementEvents":true}]})"),
            Aim::harmless);
  EXPECT_EQ(aim("cloudtrail", "PutEventSelectors",
                R"({"eventSelectors":[{"readWriteType":"WriteOnly","includeManagementEvents":true}]})"),
            Aim::untold);
  EXPECT_EQ(aim("cloudtrail", "PutEventSelectors",
                R"({"eventSelectors":[{"readWriteType":"All","includeManagementEvents":true,)"
                R"("excludeManagementEventSources":["kms.amazonaws.com"]}]})"),
            Aim::untold);
  EXPECT_EQ(
      aim("s3", "PutBucketLogging", R"({"BucketLoggingStatus":{"LoggingEnabled":{"TargetBucket":"b"}}})"),
      Aim::harmless);
  EXPECT_EQ(aim("s3", "PutBucketLogging", R"({"BucketLoggingStatus":{}})"), Aim::untold);
}

TEST(CallAim, Takeover) {
  EXPECT_EQ(aim("iam", "UpdateLoginProfile", R"({"userName":"ben","passwordResetRequired":false})", "ana"),
            Aim::takeover);
  EXPECT_EQ(aim("iam", "UpdateLoginProfile", R"({"userName":"ben"})", "ana"), Aim::takeover);
  EXPECT_EQ(aim("iam", "CreateLoginProfile", R"({"userName":"ben","passwordResetRequired":true})", "ana"),
            Aim::ordinary);
  EXPECT_EQ(aim("iam", "UpdateLoginProfile", R"({"userName":"ana"})", "ana"), Aim::ordinary);
  EXPECT_EQ(
      aim("ec2", "ModifyInstanceAttribute", R"({"instanceId":"i-1","userData":"<sensitiveDataRemoved>"})"),
      Aim::takeover);
  EXPECT_EQ(aim("ec2", "ModifyInstanceAttribute", R"({"instanceType":{"value":"m7i.large"}})"),
            Aim::ordinary);
  EXPECT_EQ(aim("rds", "ModifyDBInstance", R"({"masterUserPassword":"****"})"), Aim::takeover);
  EXPECT_EQ(aim("rds", "ModifyDBInstance", R"({"allocatedStorage":200})"), Aim::ordinary);
}

TEST(CallAim, WeighsByWhatItShows) {
  const ApiTactic attach{Tactic::privilege_escalation, 6, true};
  EXPECT_EQ(weight_of(attach, Aim::untold), 6U);
  EXPECT_EQ(weight_of(attach, Aim::all_rights), 8U);
  EXPECT_EQ(weight_of(attach, Aim::ordinary), 4U);
  EXPECT_EQ(weight_of({Tactic::impact, 2, true}, Aim::ordinary), 1U);
  EXPECT_EQ(weight_of(attach, Aim::harmless), 0U);
}

}  // namespace
}  // namespace picket
