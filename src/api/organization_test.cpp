// The organisation through signed calls: who administers it, and how its accounts become members.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_support.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* management = "111122223333";
constexpr const char* security = "222233334444";
constexpr const char* shop = "444455556666";
constexpr const char* bank = "777788889999";
constexpr std::string_view no_permission =
    "The request failed because you do not have required AWS Organization master permission.";

class OrganizationTest : public ::testing::Test, protected test::Harness {
 protected:
  void SetUp() override {
    seen = {shop};
    organization = {.id = "o-exampleorgid",
                    .management_account = management,
                    .accounts = {{.id = security, .name = "security", .email = "", .role = ""}}};
    profile("root", management);
    profile("security", security);
    profile("delegated", security, aws::Role::delegated_administrator);
    profile("shop", shop);
    start();
    add_finding(std::string(32, '2'), shop);
  }
  Response enable_admin(const std::string& who, const std::string& account) {
    return send(who, "POST", "/admin/enable", R"({"adminAccountId": ")" + account + "\"}");
  }
  Response configure(const std::string& who, const std::string& body) {
    return send(who, "POST", at(who, "/admin"), body);
  }
  std::string members(const std::string& who) {
    return ok(send(who, "GET", at(who, "/member"), "", "onlyAssociated=false"), "ListMembers");
  }
  void refused(const Response& response, std::string_view text) {
    EXPECT_EQ(response.status, 400U);
    EXPECT_THAT(response.body, HasSubstr(text));
  }
};

TEST_F(OrganizationTest, TheManagementAccountDelegates) {
  refused(enable_admin("shop", shop), no_permission);
  refused(enable_admin("root", "999999999999"), "out-of-range value");
  EXPECT_EQ(ok(enable_admin("root", security), "EnableOrganizationAdminAccount"), "{}");
  EXPECT_EQ(
      ok(send("root", "GET", "/admin"), "ListOrganizationAdminAccounts"),
      R"({"adminAccounts":[{"adminAccountId":"222233334444","adminStatus":"ENABLED"}],"nextToken":""})");
  refused(
      enable_admin("root", security),
      "The request failed because an account is already enabled as the GuardDuty delegated administrator for "
      "the organization.");
  refused(enable_admin("root", shop), "already enabled");
  refused(send("security", "GET", "/admin"), no_permission);
  EXPECT_THAT(send("security", "GET", "/detector").body, HasSubstr(detector("security")));
  refused(send("root", "GET", at("root", "/admin")), no_permission);
  const std::string shown =
      ok(send("security", "GET", at("security", "/admin")), "DescribeOrganizationConfiguration");
  EXPECT_THAT(shown,
              HasSubstr(R"({"autoEnable":false,"autoEnableOrganizationMembers":"NONE",)"
                        R"("memberAccountLimitReached":false,"dataSources":{"s3Logs":{"autoEnable":false})"));
  EXPECT_EQ(send("delegated", "POST", "/admin/disable", R"({"adminAccountId": "222233334444"})").status,
            403U);
  EXPECT_EQ(ok(send("root", "POST", "/admin/disable", R"({"adminAccountId": "222233334444"})"),
               "DisableOrganizationAdminAccount"),
            "{}");
  EXPECT_EQ(send("root", "GET", "/admin").body, R"({"adminAccounts":[],"nextToken":""})");
  refused(send("root", "POST", "/admin/disable", R"({"adminAccountId": "222233334444"})"), "out-of-range");
}

TEST_F(OrganizationTest, NewAccountsAreEnrolledWhenTheyAppear) {
  enable_admin("root", security);
  ASSERT_TRUE(service->enroll());  // shop and the management account are known from here on
  EXPECT_EQ(configure("security", R"({"autoEnableOrganizationMembers": "NEW",
                                      "features": [{"name": "RUNTIME_MONITORING", "autoEnable": "NEW",
                                      "additionalConfiguration": [{"name": "EC2_AGENT_MANAGEMENT",
                                      "autoEnable": "NEW"}]}]})")
                .body,
            "{}");
  EXPECT_EQ(members("security"), R"({"members":[],"nextToken":""})") << "who is known is not new";
  seen.push_back(bank);
  ASSERT_TRUE(service->enroll());
  const std::string listed = members("security");
  EXPECT_THAT(listed, HasSubstr(R"("accountId":"777788889999")"));
  EXPECT_THAT(listed, HasSubstr(R"("relationshipStatus":"Enabled")"));
  EXPECT_THAT(listed, Not(HasSubstr(shop)));
  const std::string detectors = ok(
      send("security", "POST", at("security", "/member/detector/get"), R"({"accountIds": ["777788889999"]})"),
      "GetMemberDetectors");
  EXPECT_THAT(detectors, HasSubstr(R"({"name":"RUNTIME_MONITORING","status":"ENABLED")"));
  EXPECT_THAT(detectors, HasSubstr(R"({"name":"EC2_AGENT_MANAGEMENT","status":"ENABLED")"));
  // What is done by hand stays: removed members do not come back.
  send("security", "POST", at("security", "/member/disassociate"), R"({"accountIds": ["777788889999"]})");
  ASSERT_TRUE(service->enroll());
  EXPECT_THAT(members("security"), HasSubstr(R"("relationshipStatus":"Removed")"));
}

TEST_F(OrganizationTest, WithAllEveryAccountIsAndStaysAMember) {
  enable_admin("root", security);
  EXPECT_THAT(send("security", "POST", at("security", "/findings"), "{}").body, Not(HasSubstr("2222")));
  EXPECT_EQ(configure("security", R"({"autoEnableOrganizationMembers": "ALL"})").body, "{}");
  EXPECT_THAT(members("security"), HasSubstr(shop));
  EXPECT_THAT(members("security"), HasSubstr(management));
  EXPECT_THAT(send("security", "POST", at("security", "/findings"), "{}").body,
              HasSubstr(std::string(32, '2')));
  const std::string body = R"({"accountIds": ["444455556666"]})";
  const std::string_view holds = "autoEnableOrganizationMembers is set to ALL";
  refused(send("security", "POST", at("security", "/member/stop"), body), holds);
  refused(send("security", "POST", at("security", "/member/disassociate"), body), holds);
  refused(send("shop", "POST", at("shop", "/administrator/disassociate")), holds);
  refused(send("shop", "POST", at("shop", ""), R"({"features": [{"name": "S3_DATA_EVENTS",
               "status": "DISABLED"}]})"),
          "its administrator manages");
  EXPECT_EQ(configure("security", R"({"autoEnable": false})").body, "{}") << "the old boolean";
  EXPECT_THAT(send("security", "POST", at("security", "/member/stop"), body).body,
              HasSubstr(R"("unprocessedAccounts":[])"));
  EXPECT_EQ(configure("security", R"({"autoEnableOrganizationMembers": "ALL"})").body, "{}");
  EXPECT_THAT(members("security"), Not(HasSubstr("Disabled")));
}

TEST_F(OrganizationTest, FeaturesForAllAreTurnedOnAtOnce) {
  enable_admin("root", security);
  configure("security", R"({"autoEnableOrganizationMembers": "ALL"})");
  EXPECT_THAT(send("shop", "GET", at("shop", "")).body,
              HasSubstr(R"({"name":"RUNTIME_MONITORING","status":"DISABLED")"));
  configure("security", R"({"autoEnableOrganizationMembers": "ALL",
                            "features": [{"name": "RUNTIME_MONITORING", "autoEnable": "ALL"}]})");
  EXPECT_THAT(send("shop", "GET", at("shop", "")).body,
              HasSubstr(R"({"name":"RUNTIME_MONITORING","status":"ENABLED")"));
  const std::string stats =
      ok(send("security", "GET", "/organization/statistics"), "GetOrganizationStatistics");
  EXPECT_THAT(stats, HasSubstr(R"("totalAccountsCount":3,"memberAccountsCount":2,"activeAccountsCount":2,)"
                               R"("enabledAccountsCount":3)"));
  EXPECT_THAT(stats, HasSubstr(R"({"name":"RUNTIME_MONITORING","enabledAccountsCount":2)"));
}

TEST_F(OrganizationTest, ConfigurationsThatContradictThemselves) {
  refused(configure("root", "{}"), "one or more input parameters");
  refused(configure("root", R"({"autoEnable": false, "autoEnableOrganizationMembers": "ALL"})"),
          "one or more");
  refused(configure("root", R"({"autoEnableOrganizationMembers": "NEW", "features": [
              {"name": "S3_DATA_EVENTS", "additionalConfiguration": [{"name": "EC2_AGENT_MANAGEMENT",
               "autoEnable": "NEW"}]}]})"),
          "one or more");
  refused(configure("root", R"({"autoEnableOrganizationMembers": "NEW", "features": [
              {"name": "RUNTIME_MONITORING", "autoEnable": "NEW"},
              {"name": "EKS_RUNTIME_MONITORING", "autoEnable": "ALL"}]})"),
          "one or more");
  refused(configure("root", R"({"autoEnableOrganizationMembers": "SOME"})"), "autoEnableOrganizationMembers");
  refused(configure("shop", R"({"autoEnableOrganizationMembers": "NEW"})"), no_permission);
  EXPECT_EQ(configure("root", R"({"autoEnableOrganizationMembers": "NEW", "dataSources":
                                  {"s3Logs": {"autoEnable": true}}})")
                .body,
            "{}")
      << "without a delegate the management account administers";
  EXPECT_THAT(send("root", "GET", at("root", "/admin")).body, HasSubstr(R"("s3Logs":{"autoEnable":true})"));
}

TEST_F(OrganizationTest, ConfiguredMembersAreEnrolledWithoutAutoEnable) {
  organization.accounts = {{.id = security, .name = "", .email = "", .role = "delegated-administrator"},
                           {.id = bank, .name = "", .email = "bank@example.com", .role = "member"}};
  start();
  ASSERT_TRUE(service->enroll());
  const std::string listed = members("security");
  EXPECT_THAT(listed, HasSubstr(R"("accountId":"777788889999")"));
  EXPECT_THAT(listed, HasSubstr("bank@example.com"));
  EXPECT_THAT(listed, Not(HasSubstr(shop))) << "merely seen is no member";
}

TEST_F(OrganizationTest, TheDelegateTakesOverAndGivesBack) {
  configure("root", R"({"autoEnableOrganizationMembers": "ALL"})");
  EXPECT_THAT(members("root"), HasSubstr(shop));
  enable_admin("root", security);
  EXPECT_EQ(members("root"), R"({"members":[],"nextToken":""})");
  EXPECT_THAT(members("security"), HasSubstr(shop));
  EXPECT_THAT(members("security"), Not(HasSubstr(R"("accountId":"222233334444")"))) << "not of itself";
  // Created by the administrator, an account of the organisation is enabled at once.
  seen.push_back(bank);
  EXPECT_THAT(send("security", "POST", at("security", "/member"),
                   R"({"accountDetails": [{"accountId": "777788889999", "email": "b@example.com"},
                                          {"accountId": "999999999999", "email": "c@example.com"}]})")
                  .body,
              HasSubstr(R"("unprocessedAccounts":[])"));
  EXPECT_THAT(members("security"), HasSubstr(R"("email":"b@example.com","relationshipStatus":"Enabled")"));
  EXPECT_THAT(members("security"), HasSubstr(R"("email":"c@example.com","relationshipStatus":"Created")"));
  send("root", "POST", "/admin/disable", R"({"adminAccountId": "222233334444"})");
  EXPECT_THAT(members("security"), Not(HasSubstr("Enabled")));
}

}  // namespace
}  // namespace picket::api
