// Members and invitations through signed calls: every relationship and what may follow it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_support.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* security = "111122223333";
constexpr const char* shop = "444455556666";
constexpr const char* bank = "777788889999";

class MembersTest : public ::testing::Test, protected test::Harness {
 protected:
  void SetUp() override {
    seen = {security, shop, bank};
    profile("root", "000000000001");  // administers all; takes no part
    profile("admin", security);
    profile("shop", shop);
    profile("bank", bank);
    start();
    add_finding(std::string(32, '1'), security);
    add_finding(std::string(32, '2'), shop);
  }

  Response members(const std::string& who, const std::string& what, const std::string& account) {
    return send(who, "POST", at(who, "/member/" + what), R"({"accountIds": [")" + account + "\"]}");
  }
  Response create(const std::string& who, const std::string& account) {
    return send(who, "POST", at(who, "/member"),
                R"({"accountDetails": [{"accountId": ")" + account + R"(", "email": "a@example.com"}]})");
  }
  std::string relationship(const std::string& account) {
    const std::string body = ok(members("admin", "get", account), "GetMembers");
    constexpr std::string_view name = R"("relationshipStatus":")";
    const auto found = body.find(name);
    if (found == std::string::npos) return "";
    const auto begin = found + name.size();
    return body.substr(begin, body.find('"', begin) - begin);
  }
  std::string invitation_id(const std::string& who) {
    const std::string body = ok(send(who, "GET", "/invitation"), "ListInvitations");
    constexpr std::string_view name = R"("invitationId":")";
    const auto begin = body.find(name) + name.size();
    return body.substr(begin, 32);
  }
  Response accept(const std::string& who, const std::string& id,
                  const std::string& spelling = "administrator") {
    return send(who, "POST", at(who, "/" + spelling),
                R"({")" + spelling + R"(Id": ")" + security + R"(", "invitationId": ")" + id + "\"}");
  }
  void associate(const std::string& who) {
    create("admin", profiles.at(who).account);
    members("admin", "invite", profiles.at(who).account);
    EXPECT_EQ(accept(who, invitation_id(who)).body, "{}");
  }
  void refused(const Response& response, std::string_view text) {
    EXPECT_EQ(response.status, 400U);
    EXPECT_THAT(response.body, HasSubstr(text));
  }
  std::string findings(const std::string& who) { return send(who, "POST", at(who, "/findings"), "{}").body; }
};

constexpr std::string_view done = R"({"unprocessedAccounts":[]})";

TEST_F(MembersTest, FromCreationToResignation) {
  EXPECT_EQ(ok(create("admin", shop), "CreateMembers"), done);
  EXPECT_EQ(relationship(shop), "Created");
  EXPECT_EQ(ok(members("admin", "invite", shop), "InviteMembers"), done);
  EXPECT_EQ(relationship(shop), "Invited");
  EXPECT_EQ(ok(send("shop", "GET", "/invitation/count"), "GetInvitationsCount"), R"({"invitationsCount":1})");
  EXPECT_THAT(findings("admin"), Not(HasSubstr(std::string(32, '2')))) << "an invitation shows nothing";

  refused(
      accept("shop", std::string(32, '0')),
      "The request is rejected because the current account has no pending invitation from the given master "
      "account ID");
  EXPECT_EQ(ok(accept("shop", invitation_id("shop")), "AcceptAdministratorInvitation"), "{}");
  EXPECT_EQ(relationship(shop), "Enabled");
  EXPECT_EQ(ok(send("shop", "GET", "/invitation/count"), "GetInvitationsCount"), R"({"invitationsCount":0})");
  const std::string own = ok(send("shop", "GET", at("shop", "/administrator")), "GetAdministratorAccount");
  EXPECT_THAT(own, HasSubstr(R"({"administrator":{"accountId":"111122223333","invitationId":")"));
  EXPECT_THAT(own, HasSubstr(R"("relationshipStatus":"Enabled","invitedAt":"2026-11-24T)"));
  EXPECT_THAT(ok(send("shop", "GET", at("shop", "/master")), "GetMasterAccount"),
              HasSubstr(R"({"master":{)"));
  EXPECT_THAT(findings("admin"), HasSubstr(std::string(32, '2')));
  EXPECT_THAT(findings("shop"), Not(HasSubstr(std::string(32, '1'))));

  EXPECT_EQ(ok(send("shop", "POST", at("shop", "/master/disassociate")), "DisassociateFromMasterAccount"),
            "{}");
  EXPECT_EQ(relationship(shop), "Resigned");
  EXPECT_EQ(send("shop", "GET", at("shop", "/administrator")).body, "{}");
  EXPECT_THAT(findings("admin"), Not(HasSubstr(std::string(32, '2'))));
  refused(send("shop", "POST", at("shop", "/administrator/disassociate")),
          "The request is rejected because the current account is not associated to any master account.");
  EXPECT_EQ(ok(members("admin", "delete", shop), "DeleteMembers"), done);
  EXPECT_EQ(relationship(shop), "");
}

TEST_F(MembersTest, OldSpellingAccepts) {
  create("admin", shop);
  members("admin", "invite", shop);
  EXPECT_EQ(ok(accept("shop", invitation_id("shop"), "master"), "AcceptInvitation"), "{}");
  EXPECT_EQ(relationship(shop), "Enabled");
}

TEST_F(MembersTest, WhatCannotBeDoneIsToldByAccount) {
  const auto told = [&](const Response& response, std::string_view text) {
    EXPECT_EQ(response.status, 200U);
    EXPECT_THAT(response.body, HasSubstr(R"("result":")" + std::string(text)));
  };
  const std::string_view strange =
      "The request is rejected because the given account ID is not an associated member of account the "
      "current "
      "account.";
  told(create("admin", security),
       "The request is rejected because an account cannot become a member of itself.");
  told(members("admin", "invite", security),
       "The request is rejected because the current account cannot invite itself.");
  told(members("admin", "invite", shop),
       "The request is rejected because member account's email address is missing.");
  for (const char* what :
       {"get", "delete", "start", "stop", "disassociate", "detector/get", "detector/update"})
    told(members("admin", what, shop), strange);
  create("admin", shop);
  told(create("admin", shop),
       "The request is rejected because the given account ID is already a member or associated member of the "
       "current account.");
  for (const char* what : {"start", "stop", "disassociate", "detector/get"})
    told(members("admin", what, shop), strange);
  members("admin", "invite", shop);
  told(members("admin", "invite", shop),
       "The request is rejected because the current account has already invited or is already the GuardDuty "
       "master of the given member account ID.");
  accept("shop", invitation_id("shop"));
  told(members("admin", "delete", shop),
       "The request is rejected because the current account cannot delete the given member account ID since "
       "it "
       "is still associated to it.");
  told(create("shop", bank),
       "The request is rejected because the current account cannot create members since it is already an "
       "associated member of another master account.");
  told(members("shop", "invite", bank),
       "The request is rejected because the current account cannot invite other accounts since it is already "
       "an "
       "associated member of another master account.");
  told(send("shop", "POST", "/invitation/delete", R"({"accountIds": ["111122223333"]})"),
       "The request is rejected because the current account cannot delete the invitation from the given "
       "master "
       "account ID since it is still associated to it or has not declined the invitation yet.");
  refused(
      members("admin", "get", "12345678901x"),
      "The request is rejected because an invalid or out-of-range value is specified as an input parameter.");
}

TEST_F(MembersTest, AnAccountHasOneAdministratorAndNoMembersBesides) {
  associate("shop");
  create("bank", shop);
  members("bank", "invite", shop);
  const std::string body = send("shop", "GET", "/invitation").body;
  EXPECT_THAT(body, HasSubstr(bank)) << "others may invite";
  refused(send("shop", "POST", at("shop", "/administrator"),
               R"({"administratorId": "777788889999", "invitationId": "00000000000000000000000000000000"})"),
          "since it is already an associated member of some master account.");
  create("admin", bank);
  members("admin", "invite", bank);
  refused(accept("bank", invitation_id("bank")),
          "since it still has created, invited or associated members.");
}

TEST_F(MembersTest, DeclinedInvitationsGoWhenDeleted) {
  create("admin", shop);
  members("admin", "invite", shop);
  const std::string from = R"({"accountIds": ["111122223333"]})";
  EXPECT_THAT(send("shop", "POST", "/invitation/delete", from).body, HasSubstr("has not declined"));
  EXPECT_EQ(ok(send("shop", "POST", "/invitation/decline", from), "DeclineInvitations"), done);
  EXPECT_EQ(relationship(shop), "Resigned");
  EXPECT_THAT(send("shop", "POST", "/invitation/decline", from).body, HasSubstr("no pending invitation"));
  EXPECT_EQ(ok(send("shop", "GET", "/invitation/count"), "GetInvitationsCount"), R"({"invitationsCount":1})");
  EXPECT_EQ(ok(send("shop", "POST", "/invitation/delete", from), "DeleteInvitations"), done);
  EXPECT_EQ(ok(send("shop", "GET", "/invitation"), "ListInvitations"),
            R"({"invitations":[],"nextToken":""})");
  EXPECT_EQ(ok(members("admin", "invite", shop), "InviteMembers"), done) << "may be asked again";
}

TEST_F(MembersTest, MonitoringStopsAndStarts) {
  associate("shop");
  EXPECT_EQ(ok(members("admin", "stop", shop), "StopMonitoringMembers"), done);
  EXPECT_EQ(relationship(shop), "Disabled");
  EXPECT_THAT(send("shop", "GET", at("shop", "")).body, HasSubstr(R"("status":"DISABLED")"));
  refused(send("shop", "POST", at("shop", ""), R"({"enable": true})"), "its administrator manages");
  EXPECT_THAT(findings("admin"), HasSubstr(std::string(32, '2'))) << "still associated";
  EXPECT_EQ(ok(members("admin", "start", shop), "StartMonitoringMembers"), done);
  EXPECT_EQ(relationship(shop), "Enabled");
  EXPECT_THAT(send("shop", "GET", at("shop", "")).body, HasSubstr(R"("status":"ENABLED","dataSources")"));
}

TEST_F(MembersTest, MembersDetectorsAreReadAndSet) {
  associate("shop");
  EXPECT_EQ(ok(send("admin", "POST", at("admin", "/member/detector/update"),
                    R"({"accountIds": ["444455556666"], "features": [{"name": "S3_DATA_EVENTS",
                        "status": "DISABLED"}], "dataSources": {"kubernetes": {"auditLogs": {"enable": false}}}})"),
               "UpdateMemberDetectors"),
            done);
  const std::string shown = ok(members("admin", "detector/get", shop), "GetMemberDetectors");
  EXPECT_THAT(shown, HasSubstr(R"({"name":"S3_DATA_EVENTS","status":"DISABLED")"));
  EXPECT_THAT(shown, HasSubstr(R"("kubernetes":{"auditLogs":{"status":"DISABLED"}})"));
  EXPECT_THAT(shown, Not(HasSubstr("AI_ANALYST")));
  EXPECT_THAT(send("shop", "GET", at("shop", "")).body, HasSubstr(R"("s3Logs":{"status":"DISABLED"})"));
}

TEST_F(MembersTest, ListsInPagesAndByAssociation) {
  std::string details;
  for (int i = 0; i < 7; ++i)
    details += fmt::format(R"({}{{"accountId": "20000000000{}", "email": "m{}@example.com"}})",
                           i == 0 ? "" : ", ", i, i);
  ok(send("admin", "POST", at("admin", "/member"), R"({"accountDetails": [)" + details + "]}"),
     "CreateMembers");
  EXPECT_EQ(ok(send("admin", "GET", at("admin", "/member")), "ListMembers"),
            R"({"members":[],"nextToken":""})");
  std::string token, all;
  int pages = 0;
  do {
    const std::string query =
        "maxResults=3&onlyAssociated=false" + (token.empty() ? "" : "&nextToken=" + token);
    const std::string body = ok(send("admin", "GET", at("admin", "/member"), "", query), "ListMembers");
    all += body;
    ++pages;
    const auto begin = body.find(R"("nextToken":")") + 13;
    token = body.substr(begin, body.find('"', begin) - begin);
  } while (!token.empty());
  EXPECT_EQ(pages, 3);
  for (int i = 0; i < 7; ++i) EXPECT_THAT(all, HasSubstr(fmt::format("20000000000{}", i)));
  refused(send("admin", "GET", at("admin", "/member"), "", "nextToken=nonsense"), "nextToken");
  refused(send("admin", "GET", at("admin", "/member"), "", "onlyAssociated=perhaps"), "onlyAssociated");
}

TEST_F(MembersTest, DetectorsStayWhileMembershipsDo) {
  create("admin", shop);
  members("admin", "invite", shop);
  refused(
      send("admin", "DELETE", at("admin", "")),
      "The request is rejected because the current account cannot delete detector while it has invited or "
      "associated members.");
  accept("shop", invitation_id("shop"));
  refused(send("admin", "DELETE", at("admin", "")), "invited or associated members");
  refused(send("shop", "DELETE", at("shop", "")), "cannot delete detector while it is an associated member");
  members("admin", "disassociate", shop);
  EXPECT_EQ(relationship(shop), "Removed");
  EXPECT_EQ(send("admin", "DELETE", at("admin", "")).body, "{}");
  EXPECT_EQ(send("shop", "DELETE", at("shop", "")).body, "{}");
}

TEST_F(MembersTest, MembersJudgeNothing) {
  associate("shop");
  const std::string body = R"({"findingIds": [")" + std::string(32, '2') + "\"]}";
  const Response archive = send("shop", "POST", at("shop", "/findings/archive"), body);
  EXPECT_EQ(archive.status, 403U);
  EXPECT_THAT(archive.body, HasSubstr("guardduty:ArchiveFindings is for its administrator"));
  EXPECT_EQ(send("admin", "POST", at("admin", "/findings/archive"), body).body, "{}");
  EXPECT_EQ(store->get({}, std::vector{std::string(32, '2')})->front().archived, Archived::manual);
  EXPECT_EQ(send("shop", "POST", at("shop", ""), R"({"features": [{"name": "S3_DATA_EVENTS",
                 "status": "DISABLED"}]})")
                .body,
            "{}")
      << "an invited member chooses its features";
}

TEST_F(MembersTest, RelationshipsOutliveARestart) {
  associate("shop");
  service.reset();
  store.reset();
  store = std::move(*open_sqlite_store(dir / "findings.db"));
  start();
  EXPECT_EQ(relationship(shop), "Enabled");
  EXPECT_THAT(findings("admin"), HasSubstr(std::string(32, '2')));
}

}  // namespace
}  // namespace picket::api
