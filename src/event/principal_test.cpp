#include "event/principal.h"

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

namespace picket {
namespace {

struct PrincipalCase {
  const char* name;
  UserIdentity identity;
  const char* key;
  const char* workload = "";
  const char* shown;
  bool aws_service = false, anonymous = false;
};
std::ostream& operator<<(std::ostream& out, const PrincipalCase& c) { return out << c.name; }

class PrincipalTable : public testing::TestWithParam<PrincipalCase> {};

TEST_P(PrincipalTable, HasKeyWorkloadAndName) {
  const PrincipalCase& c = GetParam();
  CloudTrailEvent event;
  event.user_identity = c.identity;
  event.event_source = "s3.amazonaws.com";
  event.recipient_account_id = "111122223333";
  const Principal principal = principal_of(event);
  EXPECT_EQ(principal.key, c.key);
  EXPECT_EQ(principal.workload, c.workload);
  EXPECT_EQ(principal.name, c.shown);
  EXPECT_EQ(principal.aws_service, c.aws_service);
  EXPECT_EQ(principal.anonymous, c.anonymous);
}

UserIdentity role_session(const char* issuer_arn, const char* role, const char* arn) {
  return {.type = "AssumedRole",
          .arn = arn,
          .account_id = "111122223333",
          .session_issuer = {.type = "Role", .arn = issuer_arn, .user_name = role}};
}

INSTANTIATE_TEST_SUITE_P(
    AllIdentityTypes, PrincipalTable,
    testing::Values(
        PrincipalCase{.name = "iam_user",
                      .identity = {.type = "IAMUser",
                                   .arn = "arn:aws:iam::111122223333:user/team/alice",
                                   .user_name = "alice"},
                      .key = "arn:aws:iam::111122223333:user/team/alice",
                      .shown = "alice"},
        PrincipalCase{.name = "iam_user_without_arn",
                      .identity = {.type = "IAMUser",
                                   .account_id = "111122223333",
                                   .user_name = "HIDDEN_DUE_TO_SECURITY_REASONS"},
                      .key = "arn:aws:iam::111122223333:user/HIDDEN_DUE_TO_SECURITY_REASONS",
                      .shown = "HIDDEN_DUE_TO_SECURITY_REASONS"},
        PrincipalCase{
            .name = "root",
            .identity = {.type = "Root", .arn = "arn:aws:iam::111122223333:root", .user_name = "Company"},
            .key = "arn:aws:iam::111122223333:root",
            .shown = "root"},
        PrincipalCase{.name = "root_without_arn",
                      .identity = {.type = "Root", .account_id = "111122223333"},
                      .key = "arn:aws:iam::111122223333:root",
                      .shown = "root"},
        PrincipalCase{
            .name = "instance",
            .identity = role_session("arn:aws:iam::111122223333:role/web", "web",
                                     "arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef0"),
            .key = "arn:aws:iam::111122223333:role/web",
            .workload = "i-0123456789abcdef0",
            .shown = "web"},
        PrincipalCase{.name = "lambda",
                      .identity = role_session("arn:aws:iam::111122223333:role/service-role/fn", "fn",
                                               "arn:aws:sts::111122223333:assumed-role/fn/resize"),
                      .key = "arn:aws:iam::111122223333:role/service-role/fn",
                      .workload = "resize",
                      .shown = "fn"},
        PrincipalCase{.name = "ecs_task",
                      .identity = role_session(
                          "arn:aws:iam::111122223333:role/task", "task",
                          "arn:aws:sts::111122223333:assumed-role/task/0123456789abcdef0123456789abcdef"),
                      .key = "arn:aws:iam::111122223333:role/task",
                      .workload = "0123456789abcdef0123456789abcdef",
                      .shown = "task"},
        PrincipalCase{
            .name = "pod_identity",
            .identity = role_session("arn:aws:iam::111122223333:role/pod", "pod",
                                     "arn:aws:sts::111122223333:assumed-role/pod/eks-prod-api-7f9c"),
            .key = "arn:aws:iam::111122223333:role/pod",
            .workload = "eks-prod-api-7f9c",
            .shown = "pod"},
        PrincipalCase{.name = "irsa_random",
                      .identity = role_session(
                          "arn:aws:iam::111122223333:role/pod", "pod",
                          "arn:aws:sts::111122223333:assumed-role/pod/botocore-session-1700000000"),
                      .key = "arn:aws:iam::111122223333:role/pod",
                      .shown = "pod"},
        PrincipalCase{.name = "github",
                      .identity = role_session("arn:aws:iam::111122223333:role/ci", "ci",
                                               "arn:aws:sts::111122223333:assumed-role/ci/GitHubActions"),
                      .key = "arn:aws:iam::111122223333:role/ci",
                      .shown = "ci"},
        PrincipalCase{.name = "uuid_session",
                      .identity = role_session(
                          "arn:aws:iam::111122223333:role/ci", "ci",
                          "arn:aws:sts::111122223333:assumed-role/ci/01234567-89ab-cdef-0123-456789abcdef"),
                      .key = "arn:aws:iam::111122223333:role/ci",
                      .shown = "ci"},
        PrincipalCase{
            .name = "sso",
            .identity = role_session(
                "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123",
                "AWSReservedSSO_Admin_0123",
                "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123/alice"),
            .key = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123/"
                   "alice",
            .workload = "alice",
            .shown = "alice"},
        PrincipalCase{
            .name = "saml_role",
            .identity = role_session("arn:aws:iam::111122223333:role/Federated", "Federated",
                                     "arn:aws:sts::111122223333:assumed-role/Federated/bob@example.com"),
            .key = "arn:aws:iam::111122223333:role/Federated/bob@example.com",
            .workload = "bob@example.com",
            .shown = "bob@example.com"},
        PrincipalCase{
            .name = "service_linked",
            .identity = role_session(
                "arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/"
                "AWSServiceRoleForConfig",
                "AWSServiceRoleForConfig",
                "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForConfig/configLambdaExecution"),
            .key = "arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/"
                   "AWSServiceRoleForConfig",
            .workload = "configLambdaExecution",
            .shown = "AWSServiceRoleForConfig",
            .aws_service = true},
        PrincipalCase{
            .name = "role_without_issuer",
            .identity = {.type = "AssumedRole",
                         .arn = "arn:aws-cn:sts::111122223333:assumed-role/web/i-0123456789abcdef0"},
            .key = "arn:aws-cn:iam::111122223333:role/web",
            .workload = "i-0123456789abcdef0",
            .shown = "web"},
        PrincipalCase{.name = "role_with_principal_id_only",
                      .identity = {.type = "AssumedRole", .principal_id = "AROAEXAMPLE:deploy"},
                      .key = "AssumedRole:AROAEXAMPLE:deploy",
                      .workload = "deploy",
                      .shown = "AROAEXAMPLE:deploy"},
        PrincipalCase{.name = "federated_user",
                      .identity = {.type = "FederatedUser",
                                   .arn = "arn:aws:sts::111122223333:federated-user/carol",
                                   .session_issuer = {.type = "IAMUser",
                                                      .arn = "arn:aws:iam::111122223333:user/broker",
                                                      .user_name = "broker"}},
                      .key = "arn:aws:iam::111122223333:user/broker",
                      .workload = "carol",
                      .shown = "broker"},
        PrincipalCase{
            .name = "foreign_account",
            .identity = {.type = "AWSAccount", .principal_id = "AIDAEXAMPLE", .account_id = "999988887777"},
            .key = "999988887777:AIDAEXAMPLE",
            .shown = "AIDAEXAMPLE"},
        PrincipalCase{.name = "foreign_role",
                      .identity = {.type = "AWSAccount",
                                   .principal_id = "AROAEXAMPLE:nightly",
                                   .account_id = "999988887777"},
                      .key = "999988887777:AROAEXAMPLE",
                      .workload = "nightly",
                      .shown = "AROAEXAMPLE"},
        PrincipalCase{
            .name = "anonymous",
            .identity = {.type = "AWSAccount", .principal_id = "", .account_id = "ANONYMOUS_PRINCIPAL"},
            .key = "anonymous",
            .shown = "anonymous",
            .anonymous = true},
        PrincipalCase{.name = "service",
                      .identity = {.type = "AWSService", .invoked_by = "config.amazonaws.com"},
                      .key = "config.amazonaws.com",
                      .shown = "config.amazonaws.com",
                      .aws_service = true},
        PrincipalCase{.name = "identity_center",
                      .identity = {.type = "IdentityCenterUser",
                                   .on_behalf_of_user_id = "544894e8-80c1",
                                   .credential_id = "VALUE"},
                      .key = "identitycenter:544894e8-80c1",
                      .shown = "544894e8-80c1"},
        PrincipalCase{.name = "saml_user",
                      .identity = {.type = "SAMLUser",
                                   .principal_id = "SampleUkh1i4keXAMPLEExcBw=:dave",
                                   .user_name = "dave",
                                   .identity_provider = "SampleUkh1i4keXAMPLEExcBw="},
                      .key = "SampleUkh1i4keXAMPLEExcBw=/dave",
                      .shown = "dave"},
        PrincipalCase{.name = "web_identity",
                      .identity = {.type = "WebIdentityUser",
                                   .principal_id = "accounts.google.com:app:42",
                                   .user_name = "42",
                                   .identity_provider = "accounts.google.com"},
                      .key = "accounts.google.com/42",
                      .shown = "42"},
        PrincipalCase{.name = "directory",
                      .identity = {.type = "Directory", .account_id = "111122223333", .user_name = "erin"},
                      .key = "directory:111122223333/erin",
                      .shown = "erin"},
        PrincipalCase{.name = "unknown",
                      .identity = {.type = "Unknown", .principal_id = "AIDAX"},
                      .key = "Unknown:AIDAX",
                      .shown = "AIDAX"},
        PrincipalCase{.name = "future_type",
                      .identity = {.type = "Martian", .arn = "arn:aws:x"},
                      .key = "Martian:arn:aws:x",
                      .shown = "arn:aws:x"},
        PrincipalCase{
            .name = "nothing_known", .identity = {}, .key = "Unknown:111122223333", .shown = "111122223333"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Principal, ServiceEventWithoutIdentityIsTheServices) {
  CloudTrailEvent event;
  event.event_type = "AwsServiceEvent";
  event.event_source = "kms.amazonaws.com";
  const Principal principal = principal_of(event);
  EXPECT_EQ(principal.key, "kms.amazonaws.com");
  EXPECT_TRUE(principal.aws_service);
}

struct OutcomeCase {
  const char* event_name;
  const char* error_code;
  const char* error_message;
  const char* response;
  Outcome expected;
};

TEST(Outcome, FollowsErrorCodeExceptForSignIn) {
  const std::vector<OutcomeCase> cases{
      {"GetObject", "", "", "null", Outcome::success},
      {"GetObject", "AccessDenied", "x", "null", Outcome::denied},
      {"PutMetricAlarm", "AccessDeniedException", "x", "", Outcome::denied},
      {"GetObject", "VpceAccessDenied", "x", "", Outcome::denied},
      {"RunInstances", "Client.UnauthorizedOperation", "x", "", Outcome::denied},
      {"RunInstances", "Client.DryRunOperation", "x", "", Outcome::denied},
      {"RunInstances", "UnauthorizedException", "x", "", Outcome::denied},
      {"GetCallerIdentity", "InvalidClientTokenId", "x", "", Outcome::denied},
      {"GetCallerIdentity", "ExpiredToken", "x", "", Outcome::denied},
      {"RunInstances", "Client.InvalidParameterValue", "x", "", Outcome::failed},
      {"RunInstances", "Client.RequestLimitExceeded", "x", "", Outcome::failed},
      {"GetBucketPolicy", "NoSuchBucketPolicy", "x", "", Outcome::failed},
      {"ConsoleLogin", "", "", R"({"ConsoleLogin":"Success"})", Outcome::success},
      {"ConsoleLogin", "", "", R"({"ConsoleLogin":"Failure"})", Outcome::denied},
      {"ConsoleLogin", "", "Failed authentication", "null", Outcome::denied},
      {"ConsoleLogin", "", "", "", Outcome::success},
      {"SwitchRole", "", "", R"({"SwitchRole":"Failure"})", Outcome::denied},
      {"CheckMfa", "", "", R"({"CheckMfa":"Success"})", Outcome::success},
  };
  for (const OutcomeCase& c : cases) {
    CloudTrailEvent event;
    event.event_name = c.event_name;
    event.event_source = c.response[0] == '{' ? "signin.amazonaws.com" : "other.amazonaws.com";
    event.error_code = c.error_code;
    event.error_message = c.error_message;
    event.response_elements = RawJson(c.response);
    EXPECT_EQ(outcome(event), c.expected) << c.event_name << ' ' << c.error_code << ' ' << c.response;
  }
}

TEST(Principal, ApiNameDropsDateAndVersion) {
  EXPECT_EQ(api_name("UpdateFunctionCode20150331v2"), "UpdateFunctionCode");
  EXPECT_EQ(api_name("ListFunctions20150331"), "ListFunctions");
  EXPECT_EQ(api_name("CreateDistribution2020_05_31"), "CreateDistribution");
  EXPECT_EQ(api_name("ListObjectsV2"), "ListObjectsV2");
  EXPECT_EQ(api_name("Route53v2"), "Route53v2");
  EXPECT_EQ(api_name(""), "");
}

TEST(Principal, InstanceSessionsAreInstanceIds) {
  const auto session = [](const char* name) {
    static std::string arn;
    arn = std::string("arn:aws:sts::111122223333:assumed-role/web/") + name;
    return std::string(instance_session({.type = "AssumedRole", .arn = arn}));
  };
  EXPECT_EQ(session("i-0123456789abcdef0"), "i-0123456789abcdef0");
  EXPECT_EQ(session("i-01234567"), "i-01234567");
  EXPECT_EQ(session("i-0123456789abcdefg"), "");
  EXPECT_EQ(session("i-012345678"), "");
  EXPECT_EQ(session("alice"), "");
  EXPECT_EQ(instance_session({.type = "AssumedRole", .principal_id = "AROAX:i-01234567"}), "i-01234567");
  EXPECT_EQ(instance_session({.type = "IAMUser", .principal_id = "AIDAX:i-01234567"}), "");
}

TEST(Principal, OutsideAddressNeedsADirectPublicCall) {
  CloudTrailEvent event;
  event.source_ip = IpAddress::parse("198.51.100.7");
  EXPECT_TRUE(has_outside_address(event));
  event.user_identity.invoked_by = "cloudformation.amazonaws.com";
  EXPECT_TRUE(through_service(event.user_identity));
  EXPECT_FALSE(has_outside_address(event));
  event.user_identity.invoked_by = "signin.amazonaws.com";
  EXPECT_FALSE(through_service(event.user_identity));
  EXPECT_TRUE(has_outside_address(event)) << "of the browser";
  event.user_identity.invoked_by = {};
  event.vpc_endpoint_id = "vpce-1";
  EXPECT_FALSE(has_outside_address(event));
  event.vpc_endpoint_id = {};
  event.session_credential_from_console = true;
  EXPECT_FALSE(has_outside_address(event));
  event.session_credential_from_console = false;
  event.source_ip = IpAddress::parse("10.1.2.3");
  EXPECT_FALSE(has_outside_address(event));
  event.source_ip.reset();
  EXPECT_FALSE(has_outside_address(event));
}

// Two of the same office, client and account have nothing else that tells them apart.
TEST(IdentityHash, TellsUsersOfIdentityCenterApart) {
  UserIdentity one, other;
  one.type = other.type = "IdentityCenterUser";
  one.account_id = other.account_id = "111122223333";
  one.on_behalf_of_user_id = "aa74f0a2-b7190d6c";
  other.on_behalf_of_user_id = "d3cb5ff9-e25ba519";
  EXPECT_NE(identity_hash(one), identity_hash(other));
  other.on_behalf_of_user_id = one.on_behalf_of_user_id;
  EXPECT_EQ(identity_hash(one), identity_hash(other));
  one.type = other.type = "SAMLUser";
  one.user_name = "anna";
  other.user_name = "ben";
  EXPECT_NE(identity_hash(one), identity_hash(other));
}

}  // namespace
}  // namespace picket
