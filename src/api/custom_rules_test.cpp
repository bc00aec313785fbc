// AWS's custom detection rules through signed calls: the catalogue, associations, configurations of an
// organisation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_support.h"
#include "store/custom_rule_settings.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* management = "111122223333";
constexpr const char* shop = "444455556666";
constexpr const char* password_rule = "9774d33983c76d9ea031904dc16650fe";  // EC2PasswordDataRetrieved
constexpr const char* rds_rule = "0bf3f4c44fbd77bf69f491822a94d570";       // RDSMasterPasswordReset

class CustomRulesTest : public ::testing::Test, protected test::Harness {
 protected:
  void SetUp() override {
    seen = {shop};
    organization = {.id = "o-exampleorgid", .management_account = management, .accounts = {}};
    profile("root", management);
    profile("shop", shop);
    profile("outsider", "999900001111");
    start();
  }
  static std::string body(const std::string& rule, const std::string& mode, const std::string& more = "") {
    return R"({"ruleId":")" + rule + R"(","mode":")" + mode + '"' + more + '}';
  }
  Response associate(const std::string& who, const std::string& rule, const std::string& mode) {
    return send(who, "POST", "/custom-detection-rule/association", body(rule, mode));
  }
  Response configure(const std::string& who, const std::string& rule, const std::string& mode,
                     const std::string& more = "") {
    return send(who, "POST", "/custom-detection-rule/org-configuration", body(rule, mode, more));
  }
  std::string associations(const std::string& who, const std::string& query = "") {
    return ok(send(who, "GET", "/custom-detection-rule/association", "", query),
              "ListCustomDetectionRuleAssociations");
  }
  static std::string id_in(const std::string& answer) {
    const std::string_view key = R"("associationId":")";
    return answer.substr(answer.find(key) + key.size(), 32);
  }
  static std::string path_of(const std::string& rule, const std::string& association) {
    return "/custom-detection-rule/rule/" + rule + "/association/" + association;
  }
  void refused(const Response& response, unsigned status, std::string_view text) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_THAT(response.body, HasSubstr(text));
  }
  static constexpr const char* none = R"({"ruleAssociations":[]})";
};

TEST_F(CustomRulesTest, TheCatalogueIsListedFilteredAndShown) {
  const auto list = [&](const std::string& filters) {
    return ok(send("shop", "POST", "/custom-detection-rule/rule", R"({"filters":[)" + filters + "]}"),
              "ListCustomDetectionRules");
  };
  EXPECT_THAT(list(R"({"name":"name","values":["EC2PasswordDataRetrieved"]})"), HasSubstr(password_rule));
  EXPECT_THAT(list(R"({"name":"name","values":["ec2passworddataretrieved"]})"),
              Not(HasSubstr(password_rule)));
  EXPECT_THAT(list(R"({"name":"name","values":["passworddata"],"condition":"CONTAINS"})"),
              HasSubstr(password_rule));
  EXPECT_THAT(list(R"({"name":"service","values":["EC2","RDS"]},{"name":"severity","values":["HIGH"]})"),
              testing::AllOf(HasSubstr(rds_rule), Not(HasSubstr(password_rule))));
  const std::string shown =
      ok(send("shop", "GET", std::string("/custom-detection-rule/rule/") + password_rule),
         "GetCustomDetectionRule");
  EXPECT_THAT(shown, HasSubstr(R"("definition":{"expression":"eventSource = 'ec2.amazonaws.com')"));
  refused(send("shop", "GET", "/custom-detection-rule/rule/no-such-rule"), 404, "ResourceNotFoundException");
}

TEST_F(CustomRulesTest, AnAssociationLivesAndADryRunEnds) {
  EXPECT_EQ(associations("shop"), none);
  const std::string made =
      ok(associate("shop", password_rule, "DRY_RUN"), "CreateCustomDetectionRuleAssociation");
  EXPECT_THAT(made, HasSubstr(R"("expiresAt")"));
  refused(associate("shop", password_rule, "LIVE"), 409, "ConflictException");
  const std::string path = path_of(password_rule, id_in(made));
  EXPECT_EQ(ok(send("shop", "PUT", path, R"({"mode":"LIVE"})"), "UpdateCustomDetectionRuleAssociation"),
            "{}");
  EXPECT_THAT(associations("shop", "mode=LIVE"), HasSubstr(id_in(made)));
  EXPECT_EQ(associations("shop", "mode=DRY_RUN"), none);
  EXPECT_EQ(associations("shop", std::string("ruleId=") + rds_rule), none);
  refused(send("root", "GET", path), 404, "ResourceNotFoundException");
  EXPECT_EQ(ok(send("shop", "PUT", path, R"({"mode":"DRY_RUN"})"), "UpdateCustomDetectionRuleAssociation"),
            "{}");
  now += dry_run_span;
  EXPECT_EQ(associations("shop"), none);
  refused(send("shop", "DELETE", path), 404, "ResourceNotFoundException");
  EXPECT_EQ(associate("shop", password_rule, "LIVE").status, 200U)
      << "the dry run no longer stands in the way";
}

TEST_F(CustomRulesTest, OnlyTheAdministratorConfiguresTheOrganisation) {
  refused(configure("shop", password_rule, "LIVE"), 403, "AccessDeniedException");
  refused(configure("outsider", password_rule, "LIVE"), 403, "AccessDeniedException");
  refused(configure("root", "no-such-rule", "LIVE"), 404, "ResourceNotFoundException");
  refused(configure("root", password_rule, "LIVE", R"(,"includeAccountIds":["999900001111"])"), 400,
          "includeAccountIds");
  refused(configure("root", password_rule, "LIVE",
                    R"(,"includeAccountIds":["444455556666"],"excludeAccountIds":["111122223333"])"),
          400, "cannot be given together");
  EXPECT_EQ(configure("root", password_rule, "LIVE", R"(,"excludeAccountIds":["111122223333"])").status,
            200U);
  refused(configure("root", password_rule, "LIVE"), 409, "already");
  refused(configure("root", password_rule, "DRY_RUN", R"(,"includeAccountIds":["111122223333"])"), 409,
          "do not overlap");
  EXPECT_EQ(associations("root"), none);
  EXPECT_EQ(associations("outsider"), none);
}

TEST_F(CustomRulesTest, AConfigurationMeansAssociationsThatOutliveIt) {
  ok(associate("shop", rds_rule, "DRY_RUN"), "CreateCustomDetectionRuleAssociation");
  for (const char* rule : {password_rule, rds_rule})
    EXPECT_EQ(configure("root", rule, "LIVE", R"(,"includeAccountIds":["444455556666"])").status, 200U);
  EXPECT_THAT(associations("shop", std::string("ruleId=") + rds_rule), HasSubstr("DRY_RUN"))
      << "its own stands before the organisation's";
  const std::string meant = associations("shop", std::string("ruleId=") + password_rule);
  EXPECT_THAT(meant, HasSubstr("LIVE"));
  const std::string path = path_of(password_rule, id_in(meant));
  refused(send("shop", "DELETE", path), 403, "AccessDeniedException");
  refused(send("shop", "PUT", path, R"({"mode":"DRY_RUN"})"), 403, "AccessDeniedException");
  const std::string configuration = std::string("/custom-detection-rule/org-configuration/") + password_rule;
  EXPECT_THAT(
      ok(send("root", "GET", configuration, "", "mode=LIVE"), "GetCustomDetectionRuleOrgConfiguration"),
      HasSubstr(R"("includeAccountIds":["444455556666"])"));
  EXPECT_EQ(send("root", "DELETE", configuration, "", "mode=LIVE").status, 200U);
  refused(send("root", "GET", configuration, "", "mode=LIVE"), 404, "ResourceNotFoundException");
  EXPECT_EQ(associations("shop", std::string("ruleId=") + password_rule), meant);
  EXPECT_EQ(send("shop", "DELETE", path).status, 200U);
  EXPECT_EQ(associations("shop", std::string("ruleId=") + password_rule), none);
}

}  // namespace
}  // namespace picket::api
