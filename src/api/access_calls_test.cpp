// Who makes and takes away keys, and who reads the audit log.
#include "api/access_calls.h"

#include <fmt/format.h>

#include <fstream>
#include <set>

#include "api/audit_log.h"
#include "api/permissions.h"
#include "api/test_support.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* ours = "111122223333";
constexpr const char* theirs = "444455556666";

class AccessCallsTest : public ::testing::Test {
 protected:
  AccessCallsTest() {
    harness.seen = {ours, theirs};
    harness.profile("all", ours);  // the first one administers every account
    harness.profile("second", ours);
    harness.profile("delegated", ours, aws::Role::delegated_administrator);
    harness.profile("reader", ours, aws::Role::read_only);
    harness.profile("responder", ours, aws::Role::responder);
    harness.profile("member", ours, aws::Role::member);
    harness.profile("other", theirs);
    open({.folder = harness.dir / "audit"});
  }
  void open(AuditSettings settings) {
    log = std::move(*AuditLog::open(std::move(settings), harness.now));
    Backend backend = harness.backend();
    backend.audit = log.get();
    harness.service = std::make_unique<Service>(std::move(backend), *harness.keys);
  }
  Response make(const std::string& who, const std::string& profile, const std::string& role,
                const std::string& account = "") {
    return harness.send(who, "POST", "/picket/v1/access-keys",
                        fmt::format(R"({{"profile":"{}","role":"{}"{}}})", profile, role,
                                    account.empty() ? "" : fmt::format(R"(,"accountId":"{}")", account)));
  }
  Response change(const std::string& who, const std::string& profile, const std::string& body) {
    return harness.send(who, "POST", "/picket/v1/access-keys/" + profile, body);
  }
  Response remove(const std::string& who, const std::string& profile) {
    return harness.send(who, "DELETE", "/picket/v1/access-keys/" + profile);
  }
  Response events(const std::string& who, const std::string& query) {
    return harness.send(who, "GET", "/picket/v1/audit-events", "", query);
  }
  // Names of the operations that were found, and where to go on.
  std::vector<std::string> names(const Response& response, std::string* next = nullptr) {
    EXPECT_EQ(response.status, 200U) << response.body;
    simdjson::dom::parser parser;
    const auto root = parser.parse(response.body).value();
    std::vector<std::string> out;
    for (const simdjson::dom::element one : simdjson::dom::array(root["events"]))
      out.emplace_back(std::string_view(one["eventName"]));
    std::string_view token;
    if (next != nullptr) *next = root["nextToken"].get(token) == simdjson::SUCCESS ? std::string(token) : "";
    return out;
  }

  test::Harness harness;
  std::unique_ptr<AuditLog> log;
};

TEST_F(AccessCallsTest, AKeyIsMadeDisabledAndDeleted) {
  const Response made = make("all", "ci", "read-only", theirs);
  ASSERT_EQ(made.status, 200U) << made.body;
  simdjson::dom::parser parser;
  const auto root = parser.parse(made.body).value();
  aws::Credential key;
  key.access_key_id = std::string(std::string_view(root["accessKeyId"]));
  key.secret_access_key = std::string(std::string_view(root["secretAccessKey"]));
  EXPECT_EQ(harness.send(key, "GET", "/detector").status, 200U);
  EXPECT_EQ(harness.send(key, "POST", "/detector", R"({"enable":true})").status, 403U);
  const Response listed = harness.send("all", "GET", "/picket/v1/access-keys");
  EXPECT_THAT(listed.body, HasSubstr(R"("profile":"ci")"));
  EXPECT_THAT(listed.body, Not(HasSubstr(key.secret_access_key)));
  EXPECT_EQ(make("all", "ci", "read-only").status, 409U);
  EXPECT_EQ(change("all", "ci", R"({"active":false})").status, 200U);
  EXPECT_EQ(harness.send(key, "GET", "/detector").status, 403U);
  EXPECT_EQ(change("all", "ci", R"({"active":true})").status, 200U);
  EXPECT_EQ(harness.send(key, "GET", "/detector").status, 200U);
  EXPECT_EQ(remove("all", "ci").status, 200U);
  EXPECT_EQ(harness.send(key, "GET", "/detector").status, 403U);
  EXPECT_EQ(remove("all", "ci").status, 404U);
  // The secret was told once: neither the log nor the clients' file has it.
  std::ifstream spool(harness.dir / "audit/audit.jsonl"), clients(harness.dir / "credentials");
  const std::string logged(std::istreambuf_iterator<char>(spool), {});
  EXPECT_THAT(logged, HasSubstr(R"("eventName":"CreateAccessKey")"));
  EXPECT_THAT(logged, HasSubstr(R"("responseElements":{"profile":"ci","accessKeyId")"));
  EXPECT_THAT(logged, Not(HasSubstr(key.secret_access_key)));
  EXPECT_THAT(std::string(std::istreambuf_iterator<char>(clients), {}), Not(HasSubstr("[ci]")));
}

TEST_F(AccessCallsTest, AdministratorsOnly) {
  for (const char* who : {"reader", "responder", "member"}) {
    EXPECT_EQ(harness.send(who, "GET", "/picket/v1/access-keys").status, 403U) << who;
    EXPECT_EQ(events(who, "").status, 403U) << who;
    EXPECT_EQ(make(who, "mine", "read-only").status, 403U) << who;
    EXPECT_EQ(change(who, "second", R"({"active":false})").status, 403U) << who;
    EXPECT_EQ(remove(who, "second").status, 403U) << who;
  }
  const std::vector<aws::HttpHeader> headers{{"Host", "127.0.0.1"}};
  EXPECT_EQ(harness.service->handle({"GET", "/picket/v1/access-keys", "", headers, "", {}}).status, 403U);
}

TEST_F(AccessCallsTest, NobodyGivesMoreThanHeHas) {
  EXPECT_EQ(make("delegated", "up", "administrator").status, 403U);
  EXPECT_EQ(make("delegated", "side", "delegated-administrator").status, 200U);
  EXPECT_EQ(change("delegated", "second", R"({"active":false})").status, 403U);
  // What a policy denies to the maker is no gift either, picket's own calls included.
  ASSERT_TRUE(aws::set_credential_policy(
      harness.dir, "second",
      *aws::parse_policy(R"({"Statement":[{"Effect":"Deny","Action":"picket:RunPlaybook"}]})")));
  EXPECT_EQ(make("second", "more", "administrator").status, 403U);
  EXPECT_EQ(make("second", "less", "read-only").status, 200U);
}

TEST_F(AccessCallsTest, AccountsAreWalls) {
  EXPECT_EQ(make("other", "here", "read-only", ours).status, 403U);
  EXPECT_EQ(make("other", "here", "read-only").status, 200U);
  const std::string listed = harness.send("other", "GET", "/picket/v1/access-keys").body;
  EXPECT_THAT(listed, HasSubstr(theirs));
  EXPECT_THAT(listed, Not(HasSubstr(ours)));
  EXPECT_THAT(harness.send("second", "GET", "/picket/v1/access-keys").body, Not(HasSubstr(theirs)));
  EXPECT_EQ(remove("other", "second").body, remove("other", "absent").body);
  EXPECT_EQ(remove("other", "second").status, 404U);
  // Who administers all is of the same account, but above its other administrators.
  EXPECT_EQ(change("second", "all", R"({"active":false})").status, 403U);
  EXPECT_THAT(events("all", "maxResults=200").body, HasSubstr(theirs));
  EXPECT_THAT(events("second", "maxResults=200").body, Not(HasSubstr(theirs)));
}

TEST_F(AccessCallsTest, RefusesWhatCannotBe) {
  EXPECT_EQ(remove("all", "all").status, 400U);  // the one it acts through
  EXPECT_EQ(change("all", "all", R"({"active":false})").status, 400U);
  EXPECT_EQ(make("all", "x", "king").status, 400U);
  EXPECT_EQ(make("all", "no blanks", "read-only").status, 400U);
  EXPECT_EQ(make("all", "x", "read-only", "12").status, 400U);
  for (const char* body : {"", "[]", "{}", R"({"active":"yes"})"})
    EXPECT_EQ(change("all", "second", body).status, 400U) << body;
  EXPECT_EQ(harness.send("all", "PUT", "/picket/v1/access-keys/second").status, 404U);
  EXPECT_EQ(harness.send("all", "GET", "/picket/v1/access-keys/second").status, 404U);
  for (const char* query :
       {"maxResults=0", "maxResults=201", "from=noon", "errors=perhaps", "colour=red", "nextToken=forged"})
    EXPECT_EQ(events("all", query).status, 400U) << query;
}

TEST_F(AccessCallsTest, EventsAreFoundNewestFirstInSpoolAndFiles) {
  using ::testing::ElementsAre;
  harness.send("second", "GET", "/detector");
  const TimeMs noon = harness.now;
  ASSERT_TRUE(log->rotate(harness.now, true));
  harness.send("reader", "POST", "/detector", R"({"enable":true})");
  ASSERT_TRUE(log->rotate(harness.now, true));
  harness.now += 3 * day_ms;
  harness.send("second", "GET", "/detector");
  EXPECT_THAT(names(events("all", "")), ElementsAre("ListDetectors", "CreateDetector", "ListDetectors"));
  EXPECT_THAT(names(events("all", "errors=true")), ElementsAre("CreateDetector"));
  EXPECT_THAT(names(events("all", "caller=READER")), ElementsAre("CreateDetector"));
  EXPECT_THAT(names(events("all", "operation=listdet")), ElementsAre("ListDetectors", "ListDetectors"));
  EXPECT_THAT(names(events("all", "changes=true&operation=detector")), ElementsAre("CreateDetector"));
  EXPECT_THAT(names(events("all", "operation=detector&to=" + format_time(noon + second_ms))),
              ElementsAre("ListDetectors"));
  EXPECT_THAT(names(events("all", "operation=detector&from=" + format_time(noon + second_ms))),
              ElementsAre("ListDetectors", "CreateDetector"));
  EXPECT_THAT(events("all", "").body, HasSubstr(R"("userIdentity":{"type":"IAMUser")"));
}

TEST_F(AccessCallsTest, EventsComeInPagesThatMissAndRepeatNothing) {
  // Some in every file, the files' times interleaved with those of a second Region.
  std::vector<std::string> expected;
  for (int i = 0; i < 60; ++i) {
    const std::string finding = fmt::format("{:032x}", i);
    harness.send(harness.profiles.at("second"), "POST", harness.at("second", "/findings/archive"),
                 fmt::format(R"({{"findingIds":["{}"]}})", finding), "",
                 i % 2 == 0 ? test::Harness::region : "us-east-1");
    harness.now += minute_ms;
    if (i % 7 == 0) {
      ASSERT_TRUE(log->rotate(harness.now));
    }
  }
  std::set<std::string> seen;
  std::string token, last = "9";
  std::size_t told = 0;
  for (int page = 0; page < 20; ++page) {
    const Response response = events("all", "operation=ArchiveFindings&maxResults=7&nextToken=" + token);
    names(response, &token);
    simdjson::dom::parser parser;
    for (const simdjson::dom::element one :
         simdjson::dom::array(parser.parse(response.body).value()["events"])) {
      const std::string time{std::string_view(one["eventTime"])};
      EXPECT_LE(time, last);
      last = time;
      seen.emplace(std::string_view(one["eventID"]));
      ++told;
    }
    if (token.empty()) break;
  }
  EXPECT_EQ(told, 60U);
  EXPECT_EQ(seen.size(), 60U);
}

TEST_F(AccessCallsTest, NoFileTellsOfALongerTimeThanItsTurn) {
  const aws::Credential& who = harness.profiles.at("second");
  const auto append = [&](TimeMs time) {
    ASSERT_TRUE(log->append({.time = time,
                             .caller = &who,
                             .region = "eu-central-1",
                             .event_source = "picket",
                             .event_name = "RunPlaybook",
                             .request_id = std::to_string(time)}));
  };
  append(harness.now);
  append(harness.now - hour_ms);  // told late
  append(harness.now + minute_ms);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(harness.dir / "audit"))
    files += entry.path().extension() == ".gz" ? 1 : 0;
  EXPECT_EQ(files, 2U);
  EXPECT_EQ(names(events("all", "operation=RunPlaybook")).size(), 3U);
}

}  // namespace
}  // namespace picket::api
