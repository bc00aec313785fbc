#include "console/console.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <stdexcept>

#include "api/permissions.h"

namespace picket::console {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view password = "correct horse battery";
constexpr File files[] = {{"index.html", "text/html; charset=utf-8", "h1", "<html>", false},
                          {"assets/a-1.js", "text/javascript; charset=utf-8", "h2", "packed", true}};

struct Sent {
  std::string cookie, csrf, origin = "http://127.0.0.1:7788", type = "application/json", site = "same-origin";
  std::string address = "192.0.2.1", forwarded_for;
};

class ConsoleTest : public ::testing::Test {
 protected:
  ConsoleTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "picket_console_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no scratch folder");
    dir = pattern;
    key = *aws::create_credential(dir, {"default", "111122223333", aws::Role::administrator, "eu-west-1"});
    keys = std::move(*aws::KeyStore::open(dir));
    users = std::make_unique<UserStore>(dir);
    console = std::make_unique<Console>(
        ConsoleSettings{
            .version = "1",
            .files = files,
            .now = [this] { return now; },
            .places =
                [] {
                  return std::vector<std::pair<std::string, std::string>>{{"444455556666", "us-east-1"}};
                },
            .finding = [](const aws::Credential& caller, const std::string& region,
                          const std::string& id) -> std::string {
              if (caller.account != "111122223333" || region != "eu-west-1" || id != "f1") return {};
              return R"({"service":{"additionalInfo":{"value":"{\"picket\":{\"records\":)"
                     R"([{\"object\":\"a.gz\",\"position\":7}]}}"}}})";
            },
            .read_record = [](const std::string& object, std::uint64_t position) -> Result<std::string> {
              return object + std::to_string(position);
            }},
        *keys, *users, key.access_key_id);
  }
  ~ConsoleTest() override { std::filesystem::remove_all(dir); }

  void add_user(const std::string& name, aws::Role role) {
    ASSERT_TRUE(
        create_user(dir, {.name = name, .key = key, .role = role, .password = std::string(password)}));
  }

  api::Response send(std::string_view method, std::string_view path, std::string_view body,
                     const Sent& sent) {
    std::vector<aws::HttpHeader> headers{{"Host", "127.0.0.1:7788"}, {"Accept", "text/html"}};
    const auto add = [&](std::string_view name, const std::string& value) {
      if (!value.empty()) headers.push_back({name, value});
    };
    const std::string cookie = sent.cookie.empty() ? "" : "other=1; picket_session=" + sent.cookie;
    add("Cookie", cookie);
    add("X-Picket-Csrf", sent.csrf);
    add("Origin", sent.origin);
    add("Content-Type", sent.type);
    add("Sec-Fetch-Site", sent.site);
    add("X-Forwarded-For", sent.forwarded_for);
    const auto answer = console->handle({method, path, "", headers, body, sent.address});
    return answer ? *answer : api::Response{.status = 0, .headers = {}, .body = {}};
  }
  api::Response post(const std::string& call, std::string_view body, const Sent& sent = {}) {
    return send("POST", "/console/api/" + call, body, sent);
  }
  api::Response sign_in(std::string_view name, std::string_view given, const Sent& sent = {}) {
    return post("sign-in", fmt::format(R"({{"name":"{}","password":"{}"}})", name, given), sent);
  }
  static std::string header(const api::Response& response, std::string_view name) {
    for (const auto& [known, value] : response.headers)
      if (known == name) return value;
    return {};
  }
  static Sent session_of(const api::Response& response) {
    const std::string cookie = header(response, "Set-Cookie");
    const std::size_t at = cookie.find('=') + 1;
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    std::string_view csrf;
    EXPECT_EQ(parser.parse(response.body).get(root), simdjson::SUCCESS) << response.body;
    EXPECT_EQ(root["csrf"].get(csrf), simdjson::SUCCESS) << response.body;
    return {.cookie = cookie.substr(at, cookie.find(';') - at), .csrf = std::string(csrf)};
  }

  std::filesystem::path dir;
  TimeMs now = 1'800'000'000'000;
  aws::Credential key;
  std::unique_ptr<aws::KeyStore> keys;
  std::unique_ptr<UserStore> users;
  std::unique_ptr<Console> console;
};

TEST_F(ConsoleTest, LeavesOtherPathsAlone) {
  EXPECT_EQ(send("GET", "/detector", "", {}).status, 0U);
  EXPECT_EQ(send("POST", "/", "", {}).status, 0U);
  EXPECT_EQ(send("GET", "/", "", {}).status, 302U);
  EXPECT_EQ(header(send("GET", "/console", "", {}), "Location"), "/console/");
}

TEST_F(ConsoleTest, ServesItsFilesUnderAStrictPolicy) {
  const auto index = send("GET", "/console/", "", {});
  EXPECT_EQ(index.status, 200U);
  EXPECT_EQ(index.body, "<html>");
  EXPECT_THAT(header(index, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(header(index, "Content-Security-Policy"), Not(HasSubstr("unsafe")));
  const auto script = send("GET", "/console/assets/a-1.js", "", {});
  EXPECT_EQ(header(script, "Content-Encoding"), "gzip");
  EXPECT_THAT(header(script, "Cache-Control"), HasSubstr("immutable"));
  EXPECT_EQ(send("GET", "/console/../users.json", "", {}).status, 404U);
  EXPECT_EQ(send("DELETE", "/console/", "", {}).status, 405U);
}

TEST_F(ConsoleTest, TheFirstUserIsMadeOnceWithTheLink) {
  const std::string link = console->setup_link();
  ASSERT_TRUE(link.starts_with("/console/#/setup/"));
  const std::string token = link.substr(link.rfind('/') + 1);
  const auto body = [](std::string_view given) {
    return fmt::format(R"({{"token":"{}","name":"root","password":"{}"}})", given, password);
  };
  EXPECT_EQ(post("setup", body("")).status, 403U);
  EXPECT_EQ(post("setup", body(std::string(64, '0'))).status, 403U);
  const auto made = post("setup", body(token));
  EXPECT_EQ(made.status, 200U) << made.body;
  EXPECT_THAT(made.body, HasSubstr(R"("administersAll":true)"));
  EXPECT_THAT(made.body, HasSubstr("444455556666"));
  EXPECT_EQ(post("setup", body(token)).status, 403U);
  EXPECT_EQ(console->setup_link(), "");
  EXPECT_EQ(sign_in("root", password).status, 200U);
}

TEST_F(ConsoleTest, ALinkOfNoTokenOpensNothing) {
  // Before the server asked for a link, there is none to guess.
  EXPECT_EQ(post("setup", R"({"token":"","name":"root","password":"correct horse battery"})").status, 403U);
}

TEST_F(ConsoleTest, ASessionGetsCredentialsOfItsRole) {
  add_user("alice", aws::Role::read_only);
  const auto in = sign_in("alice", password);
  ASSERT_EQ(in.status, 200U) << in.body;
  const std::string cookie = header(in, "Set-Cookie");
  EXPECT_THAT(cookie, HasSubstr("HttpOnly"));
  EXPECT_THAT(cookie, HasSubstr("SameSite=Strict"));
  EXPECT_THAT(in.body, HasSubstr(R"("may":[])"));
  const auto answer = post("credentials", "{}", session_of(in));
  ASSERT_EQ(answer.status, 200U) << answer.body;
  simdjson::dom::parser parser;
  const simdjson::dom::element made = parser.parse(answer.body);
  const auto found =
      keys->find(std::string_view(made["accessKeyId"]), std::string_view(made["sessionToken"]));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->profile, "console/alice");
  EXPECT_EQ(found->role, aws::Role::read_only);
  EXPECT_EQ(found->account, "111122223333");
  EXPECT_TRUE(found->administers_all);  // sees what its key sees
  EXPECT_FALSE(api::is_permitted(*found, "guardduty:ArchiveFindings"));
  EXPECT_TRUE(api::is_permitted(*found, "guardduty:ListFindings"));
  EXPECT_EQ(*found->expires_at, now + 15 * minute_ms);
}

TEST_F(ConsoleTest, AUserMayNoMoreThanItsKeyNorThanItsRole) {
  const auto allowing = aws::parse_policy(R"({"Statement":[{"Effect":"Allow","Action":"guardduty:*"}]})");
  const auto denying =
      aws::parse_policy(R"({"Statement":[{"Effect":"Deny","Action":"guardduty:GetUsageStatistics"}]})");
  ASSERT_TRUE(allowing && denying);
  add_user("alice", aws::Role::responder);
  const auto session = session_of(sign_in("alice", password));
  ASSERT_TRUE(aws::set_credential_policy(dir, "default", *allowing));
  simdjson::dom::parser parser;
  const auto answer = post("credentials", "{}", session);
  ASSERT_EQ(answer.status, 200U);
  const simdjson::dom::element made = parser.parse(answer.body);
  const auto found =
      keys->find(std::string_view(made["accessKeyId"]), std::string_view(made["sessionToken"]));
  ASSERT_TRUE(found);
  EXPECT_TRUE(api::is_permitted(*found, "guardduty:ArchiveFindings"));
  EXPECT_FALSE(api::is_permitted(*found, "guardduty:DeleteDetector"));  // the policy adds to the key's role
  ASSERT_TRUE(aws::set_credential_policy(dir, "default", *denying));
  EXPECT_EQ(post("credentials", "{}", session).status, 401U);  // a responder would read usage
}

TEST_F(ConsoleTest, OnlyRecordsOfAFindingAreRead) {
  add_user("alice", aws::Role::read_only);
  const auto session = session_of(sign_in("alice", password));
  const auto ask = [&](std::string_view region, std::string_view finding, std::string_view object,
                       std::string_view position) {
    return post("record",
                fmt::format(R"({{"region":"{}","finding":"{}","object":"{}","position":"{}"}})", region,
                            finding, object, position),
                session);
  };
  const auto record = ask("eu-west-1", "f1", "a.gz", "7");
  EXPECT_EQ(record.status, 200U);
  EXPECT_EQ(record.body, R"({"record":"a.gz7"})");
  EXPECT_EQ(ask("eu-west-1", "f1", "a.gz", "8").status, 404U);
  EXPECT_EQ(ask("eu-west-1", "f1", "b.gz", "7").status, 404U);
  EXPECT_EQ(ask("eu-west-1", "f2", "a.gz", "7").status, 404U);
  EXPECT_EQ(ask("us-east-1", "f1", "a.gz", "7").status, 404U);
  EXPECT_EQ(ask("eu-west-1", "f1", "a.gz", "-7").status, 400U);
  EXPECT_EQ(ask("eu-west-1", "f1", "a.gz", "").status, 400U);
  const auto denying = aws::parse_policy(R"({"Statement":[{"Effect":"Deny","Action":"guardduty:GetF*"}]})");
  ASSERT_TRUE(denying && aws::set_credential_policy(dir, "default", *denying));
  EXPECT_NE(ask("eu-west-1", "f1", "a.gz", "7").status, 200U);
}

TEST_F(ConsoleTest, AdministratorsManageWhoActsThroughTheirKey) {
  add_user("ada", aws::Role::administrator);
  add_user("eve", aws::Role::responder);
  const auto other =
      *aws::create_credential(dir, {"other", "444455556666", aws::Role::read_only, "eu-west-1"});
  ASSERT_TRUE(create_user(
      dir, {.name = "olga", .key = other, .role = aws::Role::read_only, .password = std::string(password)}));
  const auto ada = session_of(sign_in("ada", password)), eve = session_of(sign_in("eve", password));
  const auto named = [](std::string_view name, std::string_view more = "") {
    return fmt::format(R"({{"name":"{}"{}}})", name, more);
  };
  EXPECT_EQ(post("users", "{}", eve).status, 403U);
  EXPECT_EQ(post("users/disable", named("ada"), eve).status, 403U);
  const auto listed = post("users", "{}", ada);
  EXPECT_THAT(listed.body, HasSubstr(R"("name":"eve")"));
  EXPECT_THAT(listed.body, Not(HasSubstr("olga")));
  EXPECT_THAT(listed.body, Not(HasSubstr("argon2")));
  EXPECT_EQ(post("users/delete", named("olga"), ada).status, 404U);
  EXPECT_EQ(post("users/disable", named("ada"), ada).status, 400U);
  EXPECT_EQ(
      post("users/create", named("bob", R"(,"role":"king","password":"correct horse battery")"), ada).status,
      400U);
  EXPECT_EQ(
      post("users/create", named("bob", R"(,"role":"responder","password":"correct horse battery")"), ada)
          .status,
      200U);
  EXPECT_EQ(
      post("users/create", named("bob", R"(,"role":"responder","password":"correct horse battery")"), ada)
          .status,
      409U);
  EXPECT_EQ(sign_in("bob", password).status, 200U);
  EXPECT_EQ(post("users/disable", named("bob"), ada).status, 200U);
  EXPECT_EQ(sign_in("bob", password).status, 403U);
  EXPECT_EQ(post("users/enable", named("bob"), ada).status, 200U);
  EXPECT_EQ(post("users/password", named("bob", R"(,"password":"another horse battery")"), ada).status, 200U);
  EXPECT_EQ(sign_in("bob", "another horse battery").status, 200U);
  EXPECT_EQ(post("users/delete", named("bob"), ada).status, 200U);
  EXPECT_EQ(sign_in("bob", "another horse battery").status, 401U);
}

TEST_F(ConsoleTest, OtherSitesCannotCall) {
  add_user("alice", aws::Role::administrator);
  Sent sent = session_of(sign_in("alice", password));
  EXPECT_EQ(post("credentials", "{}", sent).status, 200U);
  for (const auto& spoil : std::vector<std::function<void(Sent&)>>{
           [](Sent& s) { s.csrf = ""; }, [](Sent& s) { s.csrf.back() = s.csrf.back() == '0' ? '1' : '0'; },
           [](Sent& s) { s.origin = "http://evil.example"; }, [](Sent& s) { s.site = "cross-site"; },
           [](Sent& s) { s.type = "text/plain"; }, [](Sent& s) { s.origin = "null"; }}) {
    Sent spoiled = sent;
    spoil(spoiled);
    EXPECT_EQ(post("credentials", "{}", spoiled).status, 403U);
  }
  EXPECT_EQ(sign_in("alice", password, {.type = "text/plain"}).status, 403U);
  sent.cookie.back() = sent.cookie.back() == '0' ? '1' : '0';
  EXPECT_EQ(post("credentials", "{}", sent).status, 401U);
}

TEST_F(ConsoleTest, SessionsEnd) {
  add_user("alice", aws::Role::administrator);
  add_user("bob", aws::Role::administrator);
  const auto fresh = [&](const char* name) { return session_of(sign_in(name, password)); };
  const auto lives = [&](const Sent& sent) { return post("credentials", "{}", sent).status == 200; };

  Sent sent = fresh("alice");
  EXPECT_TRUE(lives(sent));
  EXPECT_EQ(post("sign-out", "{}", sent).status, 200U);
  EXPECT_FALSE(lives(sent));

  sent = fresh("alice");
  now += Sessions::idle_max - 1;
  EXPECT_TRUE(lives(sent));
  now += Sessions::idle_max;
  EXPECT_FALSE(lives(sent));

  sent = fresh("alice");
  for (TimeMs passed = 0; passed < Sessions::longest - hour_ms; passed += hour_ms) {
    now += hour_ms;
    EXPECT_TRUE(lives(sent));
  }
  now += hour_ms;
  EXPECT_FALSE(lives(sent));  // however busy it was

  sent = fresh("alice");
  const Sent others = fresh("bob");
  ASSERT_TRUE(set_user_active(dir, "alice", false));
  EXPECT_FALSE(lives(sent));
  EXPECT_EQ(sign_in("alice", password).status, 403U);
  EXPECT_TRUE(lives(others));

  EXPECT_EQ(post("password", R"({"current":"wrong","password":"another horse battery"})", others).status,
            403U);
  EXPECT_EQ(post("password", R"({"current":"correct horse battery","password":"short"})", others).status,
            400U);
  const auto changed =
      post("password", R"({"current":"correct horse battery","password":"another horse battery"})", others);
  EXPECT_EQ(changed.status, 200U) << changed.body;
  EXPECT_FALSE(lives(others));
  EXPECT_TRUE(lives(session_of(changed)));
  EXPECT_EQ(sign_in("bob", password).status, 401U);

  ASSERT_TRUE(aws::set_credential_active(dir, "default", false));
  EXPECT_FALSE(lives(session_of(changed)));
}

TEST_F(ConsoleTest, GuessingIsSlow) {
  add_user("alice", aws::Role::administrator);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sign_in("alice", "wrong").status, 401U);
  const auto limited = sign_in("alice", password);
  EXPECT_EQ(limited.status, 429U);
  EXPECT_FALSE(header(limited, "Retry-After").empty());
  // Its owner elsewhere is let in.
  EXPECT_EQ(sign_in("alice", password, {.address = "198.51.100.7"}).status, 200U);
  now += 2 * second_ms;
  EXPECT_EQ(sign_in("alice", password).status, 200U);
}

TEST_F(ConsoleTest, ALocalProxyTellsWhoGuesses) {
  add_user("alice", aws::Role::administrator);
  const Sent guesser{.address = "127.0.0.1", .forwarded_for = "10.0.0.9, 198.51.100.9"};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sign_in("alice", "wrong", guesser).status, 401U);
  EXPECT_EQ(sign_in("alice", password, guesser).status, 429U);
  EXPECT_EQ(sign_in("alice", password, {.address = "127.0.0.1", .forwarded_for = "198.51.100.10"}).status,
            200U);
  // Others cannot name themselves.
  const auto other = [](int i) {
    return Sent{.address = "203.0.113.1", .forwarded_for = "198.51.100." + std::to_string(20 + i)};
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sign_in("alice", "wrong", other(i)).status, 401U);
  EXPECT_EQ(sign_in("alice", password, other(9)).status, 429U);
}

TEST_F(ConsoleTest, StrangersLearnNothing) {
  add_user("alice", aws::Role::administrator);
  ASSERT_TRUE(set_user_active(dir, "alice", false));
  EXPECT_EQ(sign_in("alice", "wrong").body, sign_in("mallory", "wrong").body);
  EXPECT_EQ(post("sign-in", "[]").status, 400U);
  EXPECT_EQ(post("sign-in", "{").status, 400U);
  EXPECT_EQ(post("sign-in", std::string(20'000, ' ')).status, 400U);
  EXPECT_EQ(send("GET", "/console/api/session", "", {}).body, R"({"setup":false})");
  EXPECT_EQ(send("GET", "/console/api/credentials", "", {}).status, 404U);
}

TEST(Attempts, WaitsGrowAndAreForgotten) {
  Attempts attempts;
  TimeMs now = 1'000'000;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(attempts.wait("a", "x", now), 0);
    attempts.failed("a", "x", now);
  }
  EXPECT_EQ(attempts.wait("a", "x", now), 2 * second_ms);
  attempts.failed("a", "x", now);
  EXPECT_EQ(attempts.wait("a", "x", now), 4 * second_ms);
  EXPECT_EQ(attempts.wait("a", "x", now + 4 * second_ms), 0);
  for (int i = 0; i < 14; ++i) attempts.failed("b" + std::to_string(i), "x", now);
  EXPECT_GT(attempts.wait("c", "x", now), 0);  // twenty failures of an address
  EXPECT_EQ(attempts.wait("c", "y", now), 0);
  now += 16 * minute_ms;
  attempts.failed("a", "x", now);
  EXPECT_EQ(attempts.wait("a", "x", now), 0);
}

TEST(Attempts, AreBounded) {
  Attempts attempts;
  for (int i = 0; i < 4'000; ++i) attempts.failed(std::to_string(i), std::to_string(i), i);
  EXPECT_EQ(attempts.wait("3999", "3999", 4'000), 0);
}

}  // namespace
}  // namespace picket::console
