// The audit log: what calls leave in it, and that it survives.
#include "api/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "api/test_support.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class AuditLogTest : public ::testing::Test, protected test::Harness {
 protected:
  void SetUp() override {
    seen = {"111122223333"};
    profile("admin", "111122223333");
    profile("reader", "111122223333", aws::Role::read_only);
    open();
  }
  void open() {
    log = std::move(*AuditLog::open({.folder = dir / "audit"}, now));
    Backend with = backend();
    with.audit = log.get();
    service = std::make_unique<Service>(with, *keys);
  }
  std::string spool() const {
    std::ifstream in(dir / "audit/audit.jsonl");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(dir / "audit", error))
      if (entry.path().extension() == ".gz") out.push_back(fs::relative(entry.path(), dir / "audit"));
    return out;
  }
  std::unique_ptr<AuditLog> log;
};

TEST_F(AuditLogTest, RecordsAreCloudTrails) {
  send("admin", "POST", at("admin", "/member"),
       R"({"accountDetails": [{"accountId": "444455556666", "email": "secret@example.com"}]})");
  const std::string record = spool();
  simdjson::dom::parser parser;
  const auto root = parser.parse(record).value();
  const auto text = [&](const char* name) { return std::string(std::string_view(root[name])); };
  EXPECT_EQ(text("eventSource"), "guardduty.amazonaws.com");
  EXPECT_EQ(text("eventName"), "CreateMembers");
  EXPECT_EQ(text("awsRegion"), region);
  EXPECT_EQ(text("eventTime"), "2026-11-24T03:10:53Z");
  EXPECT_EQ(text("recipientAccountId"), "111122223333");
  EXPECT_EQ(text("eventType"), "AwsApiCall");
  EXPECT_EQ(bool(root["readOnly"]), false);
  EXPECT_EQ(text("eventID").size(), 36U);
  EXPECT_EQ(std::string_view(root["userIdentity"]["arn"]), "arn:aws:iam::111122223333:user/admin");
  EXPECT_EQ(std::string_view(root["userIdentity"]["accessKeyId"]), profiles.at("admin").access_key_id);
  EXPECT_EQ(std::string_view(root["requestParameters"]["detectorId"]), detector("admin"));
  EXPECT_THAT(
      record,
      HasSubstr(
          R"("accountDetails":[{"accountId":"444455556666","email":"HIDDEN_DUE_TO_SECURITY_REASONS"}])"));
  EXPECT_THAT(record, HasSubstr(R"("responseElements":{"unprocessedAccounts":[]})"));
  EXPECT_THAT(record, Not(HasSubstr("secret@example.com")));
  EXPECT_THAT(record, Not(HasSubstr(profiles.at("admin").secret_access_key)));
}

TEST_F(AuditLogTest, RefusedCallsAreThereAndStrangersAreNot) {
  send("reader", "DELETE", at("reader", ""));
  EXPECT_THAT(spool(), HasSubstr(R"("errorCode":"AccessDeniedException","errorMessage":"User: reader)"));
  send("admin", "GET", "/detector/" + std::string(32, '0'));
  EXPECT_THAT(spool(), HasSubstr(R"("errorCode":"BadRequestException")"));
  aws::Credential thief = profiles.at("admin");
  thief.secret_access_key.back() ^= 1;
  send(thief, "GET", "/detector");
  EXPECT_THAT(spool(), HasSubstr(R"("errorCode":"InvalidSignatureException")")) << "someone tries the key";
  const std::string before = spool();
  thief.access_key_id = "AKIAUNKNOWN";
  send(thief, "GET", "/detector");
  EXPECT_EQ(spool(), before);
}

TEST_F(AuditLogTest, FilesHaveCloudTrailsLayout) {
  send("admin", "GET", "/detector");
  ASSERT_TRUE(log->rotate(now));
  EXPECT_TRUE(files().empty()) << "not due yet";
  ASSERT_TRUE(log->rotate(now + 5 * minute_ms));
  EXPECT_EQ(spool(), "");
  ASSERT_EQ(files().size(), 1U);
  EXPECT_THAT(
      files().front().string(),
      ::testing::MatchesRegex("AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/24/"
                              "111122223333_CloudTrail_eu-central-1_20261124T0310Z_[0-9a-f]{16}.json.gz"));
  ASSERT_TRUE(log->rotate(now + 200 * day_ms, true)) << "nothing to do";
  send("admin", "GET", "/detector");
  ASSERT_TRUE(log->rotate(now + 91 * day_ms, true));
  EXPECT_TRUE(files().empty()) << "past the retention";
}

TEST_F(AuditLogTest, NothingIsLostWhenTheProcessEnds) {
  send("admin", "GET", "/detector");
  std::ofstream(dir / "audit/audit.jsonl", std::ios::app) << R"({"eventVersion":"1.11","userIde)";
  service.reset();
  log.reset();
  open();
  ASSERT_EQ(files().size(), 1U) << "the answered call; the torn line never was answered";
  EXPECT_EQ(spool(), "");
}

}  // namespace
}  // namespace picket::api
