// Calls of neighbouring services, signed for them: STS and its temporary credentials, EC2, IAM,
// Organizations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_support.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* management = "111122223333";
constexpr const char* shop = "444455556666";

class NeighboursTest : public ::testing::Test, protected test::Harness {
 protected:
  void SetUp() override {
    seen = {management, shop};
    organization = {.id = "o-exampleorgid",
                    .management_account = management,
                    .accounts = {{.id = shop, .name = "shop-prod", .email = "shop@example.com", .role = ""}}};
    profile("root", management);
    profile("reader", management, aws::Role::read_only);
    profile("shop", shop);
    profile("shop-member", shop, aws::Role::member);
    start();
    add_finding(std::string(32, '2'), shop);
  }

  Response signed_for(std::string_view service, const aws::Credential& who, std::string_view body,
                      std::string_view target = "") {
    now += 3000;
    std::vector<aws::HttpHeader> headers{{"Host", "127.0.0.1:7788"}};
    headers.push_back({"Content-Type", target.empty() ? "application/x-www-form-urlencoded; charset=utf-8"
                                                      : "application/x-amz-json-1.1"});
    if (!target.empty()) headers.push_back({"X-Amz-Target", target});
    aws::HttpRequest request{"POST", "/", "", headers, body};
    const auto added = aws::sign(request, {who.access_key_id, who.secret_access_key, who.session_token},
                                 {region, service}, now);
    for (const auto& [name, value] : added) headers.push_back({name, value});
    request.headers = headers;
    return service_handle(request);
  }
  Response service_handle(const aws::HttpRequest& request) { return service->handle(request); }
  Response sts(const aws::Credential& who, const std::string& body) {
    return signed_for("sts", who, body + "&Version=2011-06-15");
  }
  Response sts(const std::string& who, const std::string& body) { return sts(profiles.at(who), body); }
  Response organizations(const std::string& who, const std::string& action, const std::string& body = "{}") {
    return signed_for("organizations", profiles.at(who), body, "AWSOrganizationsV20161128." + action);
  }
  static std::string inside(const std::string& xml, const std::string& element) {
    const auto begin = xml.find('<' + element + '>') + element.size() + 2;
    return xml.substr(begin, xml.find("</" + element + '>') - begin);
  }
  static aws::Credential session_of(const Response& response) {
    aws::Credential out;
    EXPECT_EQ(response.status, 200U) << response.body;
    out.access_key_id = inside(response.body, "AccessKeyId");
    out.secret_access_key = inside(response.body, "SecretAccessKey");
    out.session_token = inside(response.body, "SessionToken");
    return out;
  }
  Response with_session(const aws::Credential& who, std::string_view method, std::string_view path,
                        std::string_view body = "") {
    now += 3000;
    std::vector<aws::HttpHeader> headers{{"Host", "h"}};
    aws::HttpRequest request{method, path, "", headers, body};
    const auto added = aws::sign(request, {who.access_key_id, who.secret_access_key, who.session_token},
                                 {region, "guardduty"}, now);
    for (const auto& [name, value] : added) headers.push_back({name, value});
    request.headers = headers;
    return service->handle(request);
  }
  static std::string role(const std::string& account, const std::string& name) {
    return "Action=AssumeRole&RoleSessionName=audit&RoleArn=" +
           aws::uri_encode("arn:aws:iam::" + account + ":role/" + name);
  }
  void refused(const Response& response, unsigned status, std::string_view code, std::string_view text = "") {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_THAT(response.body, HasSubstr(std::string(code)));
    EXPECT_THAT(response.body, HasSubstr(std::string(text)));
  }
};

TEST_F(NeighboursTest, GetCallerIdentity) {
  const Response answer = sts("root", "Action=GetCallerIdentity");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_THAT(
      answer.body,
      HasSubstr(R"(<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">)"
                "<GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/root</Arn><UserId>AIDA"));
  EXPECT_EQ(inside(answer.body, "Account"), management);
}

TEST_F(NeighboursTest, AssumedRolesAreWhatTheyNameAndEnd) {
  const aws::Credential session = session_of(sts("root", role(shop, "read-only") + "&DurationSeconds=900"));
  EXPECT_EQ(inside(sts(session, "Action=GetCallerIdentity").body, "Arn"),
            "arn:aws:sts::444455556666:assumed-role/read-only/audit");
  EXPECT_THAT(with_session(session, "POST", at("shop", "/findings"), "{}").body,
              HasSubstr(std::string(32, '2')));
  EXPECT_EQ(with_session(session, "DELETE", at("shop", "")).status, 403U);
  EXPECT_EQ(with_session(session, "GET", at("root", "")).status, 400U)
      << "no longer the account it came from";
  aws::Credential without = session;
  without.session_token.clear();
  refused(with_session(without, "GET", "/detector"), 403, "UnrecognizedClientException");
  aws::Credential changed = session;
  changed.session_token.back() = changed.session_token.back() == 'A' ? 'B' : 'A';
  refused(with_session(changed, "GET", "/detector"), 403, "UnrecognizedClientException");
  now += 15 * minute_ms;
  refused(with_session(session, "GET", "/detector"), 403, "ExpiredTokenException");
  refused(sts(session, "Action=GetCallerIdentity"), 403, "<Code>ExpiredToken</Code>");
}

TEST_F(NeighboursTest, NobodyAssumesMoreThanItMayDo) {
  for (const auto& [who, account, name] :
       std::vector<std::array<std::string, 3>>{{"reader", management, "administrator"},
                                               {"reader", shop, "read-only"},
                                               {"shop", management, "read-only"},
                                               {"shop-member", shop, "administrator"},
                                               {"root", "999999999999", "read-only"},
                                               {"root", shop, "no-such-role"}})
    refused(sts(who, role(account, name)), 403, "<Code>AccessDenied</Code>",
            "is not authorized to perform: sts:AssumeRole");
  session_of(sts("reader", role(management, "read-only")));
  session_of(sts("shop", role(shop, "responder")));
  session_of(sts("root", role(shop, "OrganizationAccountAccessRole")));
  ASSERT_TRUE(aws::set_credential_policy(
      dir, "shop",
      *aws::parse_policy(R"({"Statement": {"Effect": "Deny", "Action": "guardduty:Delete*"}})")));
  refused(sts("shop", role(shop, "administrator")), 403, "AccessDenied");
}

TEST_F(NeighboursTest, SessionsOfTheKeyItself) {
  const aws::Credential session = session_of(sts("root", "Action=GetSessionToken"));
  EXPECT_EQ(inside(sts(session, "Action=GetCallerIdentity").body, "Arn"),
            "arn:aws:iam::111122223333:user/root");
  EXPECT_THAT(with_session(session, "POST", at("root", "/findings"), "{}").body,
              HasSubstr(std::string(32, '2')))
      << "it administers all, as its key does";
  refused(sts(session, "Action=GetSessionToken"), 403, "AccessDenied");
  ASSERT_TRUE(aws::set_credential_active(dir, "root", false));
  refused(with_session(session, "GET", "/detector"), 403, "UnrecognizedClientException");
}

TEST_F(NeighboursTest, SessionPoliciesNarrow) {
  const std::string policy = R"({"Statement": {"Effect": "Allow", "Action": "guardduty:ListDetectors"}})";
  const aws::Credential session =
      session_of(sts("root", role(shop, "administrator") + "&Policy=" + aws::uri_encode(policy)));
  EXPECT_EQ(with_session(session, "GET", "/detector").status, 200U);
  refused(with_session(session, "GET", at("shop", "")), 403,
          "not authorized to perform: guardduty:GetDetector");
  refused(sts(session, role(shop, "administrator")), 403, "AccessDenied");
  refused(sts("root", role(shop, "read-only") + "&Policy=%7B%7D"), 400, "MalformedPolicyDocument");
}

TEST_F(NeighboursTest, WrongParametersAndSignatures) {
  refused(sts("root", role(shop, "read-only") + "&DurationSeconds=10"), 400, "ValidationError",
          "DurationSeconds");
  refused(sts("root", role(shop, "read-only") + "&DurationSeconds=99999999999999999999"), 400,
          "ValidationError");
  refused(sts("root", "Action=AssumeRole&RoleArn=arn:aws:iam::444455556666:role/read-only"), 400,
          "RoleSessionName");
  refused(sts("root", "Action=AssumeRoleWithSAML"), 400, "InvalidAction",
          "picket serves GetCallerIdentity, AssumeRole and GetSessionToken of sts, not AssumeRoleWithSAML");
  aws::Credential thief = profiles.at("root");
  thief.secret_access_key.back() ^= 1;
  refused(sts(thief, "Action=GetCallerIdentity"), 403, "<Code>SignatureDoesNotMatch</Code>");
  thief.access_key_id = "AKIAUNKNOWN";
  refused(sts(thief, "Action=GetCallerIdentity"), 403, "<Code>InvalidClientTokenId</Code>");
}

TEST_F(NeighboursTest, RegionsAndAliases) {
  const Response regions =
      signed_for("ec2", profiles.at("shop"), "Action=DescribeRegions&Version=2016-11-15");
  EXPECT_THAT(regions.body, HasSubstr("<regionName>eu-central-1</regionName>"));
  refused(signed_for("ec2", profiles.at("shop"), "Action=DescribeRegions&RegionName.1=mars"), 400,
          "<Code>InvalidParameterValue</Code>", "[mars]");
  refused(signed_for("ec2", profiles.at("shop"), "Action=RunInstances"), 400, "InvalidAction",
          "DescribeRegions");
  EXPECT_THAT(signed_for("iam", profiles.at("shop"), "Action=ListAccountAliases&Version=2010-05-08").body,
              HasSubstr("<AccountAliases><member>shop-prod</member></AccountAliases>"));
  EXPECT_THAT(signed_for("iam", profiles.at("root"), "Action=ListAccountAliases").body,
              HasSubstr("<AccountAliases></AccountAliases>"));
}

TEST_F(NeighboursTest, OrganizationsReads) {
  EXPECT_THAT(
      organizations("shop", "DescribeOrganization").body,
      HasSubstr(
          R"("Id":"o-exampleorgid","Arn":"arn:aws:organizations::111122223333:organization/o-exampleorgid")"));
  refused(organizations("shop", "ListAccounts"), 400, "AccessDeniedException");
  refused(organizations("shop", "DescribeAccount", R"({"AccountId": "111122223333"})"), 400,
          "AccessDeniedException");
  refused(organizations("shop", "DescribeAccount", R"({"AccountId": "999999999999"})"), 400,
          "AccessDeniedException");
  const std::string first = organizations("root", "ListAccounts", R"({"MaxResults": 1})").body;
  EXPECT_THAT(first, HasSubstr(R"("Id":"111122223333")"));
  const auto token = first.substr(first.find(R"("NextToken":")") + 13, 16);
  const std::string second =
      organizations("root", "ListAccounts", R"({"MaxResults": 1, "NextToken": ")" + token + "\"}").body;
  EXPECT_THAT(second, HasSubstr(R"("Id":"444455556666")"));
  EXPECT_THAT(second, HasSubstr(R"("Email":"shop@example.com","Name":"shop-prod")"));
  EXPECT_THAT(second, Not(HasSubstr("NextToken")));
  refused(organizations("root", "ListAccounts", R"({"NextToken": "?"})"), 400, "InvalidInputException");
  refused(organizations("root", "DescribeAccount", R"({"AccountId": "999999999999"})"), 400,
          "AccountNotFoundException");
  EXPECT_EQ(organizations("root", "ListDelegatedAdministrators").body, R"({"DelegatedAdministrators":[]})");
  send("root", "POST", "/admin/enable", R"({"adminAccountId": "444455556666"})");
  EXPECT_THAT(organizations("root", "ListDelegatedAdministrators").body, HasSubstr(shop));
  EXPECT_EQ(organizations("shop", "ListAccounts").status, 200U) << "now the delegate";
  refused(organizations("root", "CreateAccount"), 400, "InvalidAction", "DescribeOrganization");
}

TEST_F(NeighboursTest, OtherServicesAreToldWhatIsServed) {
  for (const char* service : {"s3", "securityhub", "cloudtrail"}) {
    const Response answer = signed_for(service, profiles.at("root"), "{}", "X.Y");
    EXPECT_EQ(answer.status, 404U);
    EXPECT_THAT(answer.body, HasSubstr("picket serves Amazon GuardDuty here"));
    EXPECT_THAT(answer.body, HasSubstr(std::string("signed for ") + service));
  }
}

}  // namespace
}  // namespace picket::api
