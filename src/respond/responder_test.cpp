#include "respond/responder.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "net/test_support.h"
#include "respond/dead_letters.h"
#include "respond/test_support.h"
#include "store/detector_settings.h"
#include "store/sqlite_store.h"

namespace picket::respond {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string account = "111122223333", region = "eu-west-1";

// Rules and targets over a store, a receiver on loopback and a clock of the test's own. Two targets: "soc", a
// webhook, gets everything, "log", a file, what is of severity 7 and more.
class ResponderTest : public ::testing::Test {
 protected:
  ResponderTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "picket_respond_XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    store = *open_sqlite_store(folder / "findings.db");
    keys.targets = {{.name = "soc", .kind = "webhook", .url = server.url("127.0.0.1", "/hook"), .where = "t"},
                    {.name = "log", .kind = "file", .path = (folder / "log.jsonl").string(), .where = "t"}};
    keys.rules = {{.name = "all", .pattern = "", .targets = {"soc"}, .where = "t"},
                  {.name = "high",
                   .pattern = R"({"detail":{"severity":[{"numeric":[">=",7]}]}})",
                   .targets = {"log"},
                   .where = "t"}};
    start();
  }
  ~ResponderTest() override {
    responder.reset();
    store.reset();
    std::filesystem::remove_all(folder);
  }
  // As after a restart: what was in memory only is forgotten.
  void start() {
    auto made = Rules::make(keys);
    ASSERT_TRUE(made) << made.error().message();
    rules = std::move(*made);
    auto fresh = Responder::make(*store, rules, {http, guard, aws, "", [this] { return clock; }},
                                 (folder / "dead.jsonl").string());
    ASSERT_TRUE(fresh) << fresh.error().message();
    responder = std::move(*fresh);
  }
  // What the writer does with a finding.
  void write(unsigned number, std::uint64_t epoch, double severity = 8, bool suppressed = false,
             const std::string& instance = "i-0bf8faedf4d75f40b") {
    FindingRow row{.id = test::id_of(number),
                   .account = account,
                   .region = region,
                   .type = "UnauthorizedAccess:EC2/SSHBruteForce",
                   .detector_id = test::id_of(0xd),
                   .severity = severity,
                   .created_at = 1,
                   .updated_at = 1,
                   .first_seen = 1,
                   .last_seen = 1,
                   .count = 1,
                   .epoch = epoch,
                   .document = test::document(test::id_of(number), severity, instance),
                   .suppressed = suppressed};
    const std::vector<std::string> ids{row.id};
    const auto stored = store->get({}, ids);
    const auto outbox = outbox_rows(rules, row, stored->empty() ? nullptr : &stored->front());
    const auto applied = store->apply({&row, 1}, {}, epoch, outbox, clock);
    ASSERT_TRUE(applied && applied->rejected.empty())
        << (applied ? applied->rejected.front().why : applied.error().message());
  }
  // What the writer does with one that is taken back.
  void withdraw(unsigned number, std::uint64_t epoch) {
    const std::vector<std::string> ids{test::id_of(number)};
    const auto stored = store->get({}, ids);
    ASSERT_EQ(stored->size(), 1U);
    ASSERT_TRUE(store->apply({}, ids, epoch, withdrawal_rows(rules, stored->front()), clock));
  }
  void turn() {
    ASSERT_TRUE(responder->take_in());
    for (;;) {
      const auto sent = responder->turn();
      ASSERT_TRUE(sent) << sent.error().message();
      if (!*sent) return;
    }
  }
  std::vector<std::string> lines(const char* name) {
    std::ifstream file(folder / name);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }
  std::size_t waiting() { return store->outbox(0, 1000)->size(); }

  std::filesystem::path folder;
  std::atomic<unsigned> status = 200;
  std::mutex mutex;
  std::vector<std::string> received;  // requests the receiver took
  net::test::LoopbackServer server{[this](const std::string& request) {
    const std::lock_guard lock(mutex);
    if (status == 200) received.push_back(request);
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  }};
  TimeMs clock = *parse_time("2026-09-16T07:00:00Z");
  net::AddressGuard guard = *net::AddressGuard::make({"127.0.0.1"});
  net::HttpClient http{guard};
  aws::ServiceCaller aws{http, std::nullopt, [this] { return clock; }};
  std::unique_ptr<FindingStore> store;
  RespondKeys keys;
  Rules rules;
  std::unique_ptr<Responder> responder;
};

TEST_F(ResponderTest, SendsNewFindingsAtOnceWhereRulesWantThem) {
  write(1, 1, 8);
  write(2, 1, 2);
  turn();
  ASSERT_THAT(received, SizeIs(2));
  EXPECT_THAT(received[0], HasSubstr(test::id_of(1)));  // the severe one first
  EXPECT_THAT(received[0], HasSubstr("webhook-id: "));
  EXPECT_THAT(lines("log.jsonl"), ElementsAre(HasSubstr(test::id_of(1))));
  EXPECT_EQ(waiting(), 0U);
  turn();
  EXPECT_THAT(received, SizeIs(2));
}

TEST_F(ResponderTest, WhatAFilterArchivesSendsNothing) {
  write(1, 1, 8, true);
  turn();
  write(1, 2);
  clock += 7 * hour_ms;
  turn();
  EXPECT_THAT(received, IsEmpty());
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(ResponderTest, WhoWasToldOfAFindingIsToldThatItIsWithdrawn) {
  keys.rules[0].pattern = R"({"detail":{"service":{"archived":[false]}}})";
  start();
  write(1, 1);
  turn();
  withdraw(1, 2);
  turn();
  ASSERT_THAT(received, SizeIs(2));
  EXPECT_THAT(received[1], HasSubstr(test::id_of(1)));
  EXPECT_THAT(received[1], HasSubstr("\"archived\":true"));
  EXPECT_THAT(received[1], HasSubstr("\"withdrawn\":true"));
  ASSERT_THAT(lines("log.jsonl"), SizeIs(2));
  EXPECT_THAT(lines("log.jsonl")[1], HasSubstr("\"archived\":true"));
  EXPECT_EQ(waiting(), 0U);
  // Once more the same: a finding like the first.
  write(1, 3);
  turn();
  ASSERT_THAT(received, SizeIs(3));
  EXPECT_THAT(received[2], HasSubstr("\"archived\":false"));
}

TEST_F(ResponderTest, AWithdrawalWaitsForItsTargetAndGoesWhenTheFindingIsThereAgain) {
  write(1, 1);
  write(2, 1);
  turn();
  status = 503;
  withdraw(1, 2);
  withdraw(2, 2);
  turn();
  start();  // known from the outbox alone
  turn();
  EXPECT_EQ(waiting(), 2U);
  write(2, 3);
  status = 200;
  clock += minute_ms;
  turn();
  ASSERT_THAT(received, SizeIs(4));
  std::multiset<std::string> told;
  for (const std::string& request : received)
    for (unsigned number : {1U, 2U})
      if (request.find(test::id_of(number)) != std::string::npos)
        told.insert(std::to_string(number) +
                    (request.find("\"withdrawn\":true") != std::string::npos ? "w" : ""));
  EXPECT_THAT(told, ElementsAre("1", "1w", "2", "2"));
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(ResponderTest, NothingIsSaidOfAFindingThatAFilterArchivedAndIsWithdrawn) {
  write(1, 1, 8, true);
  withdraw(1, 2);
  turn();
  EXPECT_THAT(received, IsEmpty());
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(ResponderTest, UpdatesGoAtThePublishingFrequency) {
  DetectorSettings settings = default_detector(1);
  settings.finding_publishing_frequency = "FIFTEEN_MINUTES";
  ASSERT_TRUE(save_detector(*store, account, region, settings));
  write(1, 1);
  turn();
  write(1, 2);
  write(1, 3);
  turn();
  clock += 14 * minute_ms;
  turn();
  EXPECT_THAT(received, SizeIs(1));
  start();  // a restart does not begin the time anew
  clock += minute_ms;
  turn();
  ASSERT_THAT(received, SizeIs(2));
  EXPECT_EQ(waiting(), 0U);
  write(1, 4);
  turn();
  EXPECT_THAT(received, SizeIs(2));
  clock += 15 * minute_ms;
  turn();
  EXPECT_THAT(received, SizeIs(3));
}

TEST_F(ResponderTest, WhatCannotBeSentWaitsThroughRestarts) {
  status = 503;
  write(1, 1);
  turn();
  EXPECT_THAT(lines("log.jsonl"), SizeIs(1));
  const int tries = server.connections();
  turn();
  EXPECT_EQ(server.connections(), tries);  // not before its time
  clock += minute_ms;
  turn();
  EXPECT_EQ(server.connections(), tries + 1);
  EXPECT_THAT(responder->metrics(), HasSubstr("picket_respond_unreachable{target=\"soc\"} 1"));
  start();
  status = 200;
  turn();
  EXPECT_THAT(received, SizeIs(1));
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(ResponderTest, WhatTheTargetRefusesDoesNotStopOthersAndEndsInTheDeadLetters) {
  status = 400;
  write(1, 1);
  turn();
  status = 200;
  write(2, 1);
  turn();
  EXPECT_THAT(received, SizeIs(1));
  status = 400;
  clock += 25 * hour_ms;
  turn();
  ASSERT_THAT(lines("dead.jsonl"), SizeIs(1));
  EXPECT_THAT(lines("dead.jsonl").front(), HasSubstr("answered with status 400"));
  EXPECT_THAT(lines("dead.jsonl").front(), HasSubstr(test::id_of(1)));
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(ResponderTest, ACapOfLowFindingsDoesNotHoldAHighOne) {
  keys.targets[0].rate_per_minute = 1;
  start();
  for (unsigned i = 1; i <= 20; ++i) write(i, 1, 2);
  turn();
  EXPECT_THAT(received, SizeIs(1));
  write(99, 1, 8);
  turn();
  ASSERT_THAT(received, SizeIs(2));
  EXPECT_THAT(received.back(), HasSubstr(test::id_of(99)));
  clock += minute_ms;
  turn();
  EXPECT_THAT(received, SizeIs(3));
  // What becomes severe while it waits goes first.
  write(20, 2, 8);
  turn();
  ASSERT_THAT(received, SizeIs(4));
  EXPECT_THAT(received.at(3), HasSubstr(test::id_of(20)));
}

// An hour without the target: nothing is lost or asked for too often, and what is grave goes first after it.
TEST_F(ResponderTest, AnHourWithoutTheTarget) {
  keys.targets[0].rate_per_minute = 0;
  start();
  status = 503;
  for (unsigned minute = 0; minute < 60; ++minute, clock += minute_ms) {
    write(1 + minute, 1, minute == 59 ? 8 : 2);
    turn();
  }
  EXPECT_THAT(received, IsEmpty());
  EXPECT_EQ(waiting(), 60U);
  EXPECT_LT(server.connections(), 40);  // pauses grow to 5 minutes
  status = 200;
  clock += 5 * minute_ms;
  for (int i = 0; i < 10; ++i, clock += minute_ms) turn();
  ASSERT_THAT(received, SizeIs(60));
  EXPECT_EQ(waiting(), 0U);
  const auto grave =
      std::ranges::find_if(received, [](const std::string& one) { return one.contains(test::id_of(60)); });
  EXPECT_LE(grave - received.begin(), 1);  // beside the one that found the target again
  std::set<std::string> distinct(received.begin(), received.end());
  EXPECT_THAT(distinct, SizeIs(60));
}

// However many low ones wait, a high one leaves with the next attempt.
TEST_F(ResponderTest, AFloodOfLowFindingsDoesNotDelayAHighOne) {
  constexpr unsigned flood = 2000;
  keys.targets[0].rate_per_minute = 60;
  start();
  for (unsigned i = 1; i <= flood; ++i) write(i, 1, 2);
  turn();
  const std::size_t before = received.size();
  ASSERT_LT(before, flood);
  for (unsigned i = 1; i <= 10; ++i) {
    write(flood + i, 1, 8);
    ASSERT_TRUE(responder->take_in());
    ASSERT_TRUE(responder->turn());
    EXPECT_THAT(received.back(), HasSubstr(test::id_of(flood + i)));
    clock += second_ms;
  }
}

// Findings of one severity: of one host many, of another one.
TEST_F(ResponderTest, AFloodOfOneEntityDoesNotDelayOthersAsGrave) {
  constexpr unsigned flood = 200;
  for (unsigned i = 1; i <= flood; ++i) write(i, 1, 8);
  ASSERT_TRUE(responder->take_in());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(responder->turn());
  write(flood + 1, 1, 8, false, "i-0000000000000000a");
  ASSERT_TRUE(responder->take_in());
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(responder->turn());
  EXPECT_THAT(received.back() + received.end()[-2], HasSubstr(test::id_of(flood + 1)));
  EXPECT_LT(received.size(), flood);
}

TEST(FairQueue, TakesTurnsAndForgetsNobody) {
  struct Item {
    std::uint64_t sequence;
    std::string rule;
    std::uint64_t entity;
  };
  FairQueue<Item> queue;
  for (std::uint64_t i = 1; i <= 100; ++i) queue.add({i, "a", 1});
  queue.add({101, "a", 2});
  queue.add({102, "b", 1});
  EXPECT_EQ(queue.size(), 102U);
  EXPECT_EQ(queue.remove(50)->sequence, 50U);
  EXPECT_FALSE(queue.remove(50));
  std::vector<std::uint64_t> taken;
  for (int i = 0; i < 6; ++i) taken.push_back(queue.take().sequence);
  EXPECT_THAT(taken, ::testing::IsSupersetOf({101U, 102U}));
  // New entities come without end; the old ones are told all the same.
  for (std::uint64_t i = 200; i < 500; ++i) {
    queue.add({i, "a", i});
    taken.push_back(queue.take().sequence);
  }
  EXPECT_THAT(taken, ::testing::Contains(100U));
  while (!queue.empty()) taken.push_back(queue.take().sequence);
  std::ranges::sort(taken);
  EXPECT_EQ(std::ranges::unique(taken).size(), 0U);
  EXPECT_EQ(taken.size(), 101U + 300U);
}

TEST_F(ResponderTest, DeadLettersAreSentAgain) {
  status = 400;
  write(1, 1);
  write(2, 1);
  turn();
  clock += 25 * hour_ms;
  turn();
  const std::string file = (folder / "dead.jsonl").string();
  auto dead = read_dead_letters(file);
  ASSERT_TRUE(dead);
  ASSERT_THAT(dead->letters, SizeIs(2));
  EXPECT_EQ(dead->letters[0].target, "soc");
  EXPECT_THAT(dead->letters[0].error, HasSubstr("status 400"));
  std::ofstream(file, std::ios::app) << "torn\n";
  std::vector<std::string> ids;
  const auto resent = resend(
      file, [](const DeadLetter&) { return true; },
      [&](const DeadLetter& letter) -> Result<void> {
        ids.push_back(letter.event.id);
        if (ids.size() == 1) return {};
        return fail(ErrorKind::io, "not now");
      });
  ASSERT_TRUE(resent);
  EXPECT_EQ(resent->sent, 1U);
  EXPECT_EQ(resent->kept, 2U);
  EXPECT_EQ(resent->first_error, "not now");
  EXPECT_THAT(ids, ElementsAre(dead->letters[0].event.id, dead->letters[1].event.id));
  dead = read_dead_letters(file);
  ASSERT_TRUE(dead);
  EXPECT_THAT(dead->letters, SizeIs(1));
  EXPECT_EQ(dead->unreadable, 1U);
}

TEST_F(ResponderTest, ATargetThatIsGoneGetsNothing) {
  status = 503;
  write(1, 1);
  turn();
  keys.targets.erase(keys.targets.begin());
  keys.rules.erase(keys.rules.begin());
  start();
  turn();
  EXPECT_EQ(waiting(), 0U);
  EXPECT_THAT(responder->metrics(), HasSubstr("picket_respond_without_target_total 1"));
}

TEST_F(ResponderTest, PrivateAddressesNeedAnException) {
  guard = *net::AddressGuard::make({});
  const net::HttpClient strict(guard);
  const aws::ServiceCaller caller(strict, std::nullopt, [this] { return clock; });
  for (const char* url :
       {"http://127.0.0.1:1/", "https://127.0.0.1:1/", "https://169.254.169.254/", "https://[::1]:1/"}) {
    RespondTargetKeys target{.name = "x", .kind = "webhook", .url = url, .where = "t"};
    keys = {.targets = {target}};
    const auto made = Rules::make(keys);
    ASSERT_TRUE(made);
    const auto send =
        make_sender(made->targets().begin()->second, {strict, guard, caller, "", [this] { return clock; }});
    ASSERT_TRUE(send);
    const auto sent =
        (*send)(event_of(test::document(test::id_of(1)), test::id_of(1), 1, FindingChange::created), "{}");
    ASSERT_FALSE(sent) << url;
    EXPECT_EQ(sent.error().kind, ErrorKind::unsupported) << url;
  }
}

TEST(Rules, TellsWhatIsWrongAndWhere) {
  const RespondTargetKeys file{.name = "f", .kind = "file", .path = "/x", .where = "picket.toml:3"};
  const std::pair<RespondKeys, const char*> wrong[] = {
      {{.targets = {{.name = "a b", .kind = "file", .path = "x"}}}, "a name has"},
      {{.targets = {{.name = "a", .kind = "file"}}}, "needs a path"},
      {{.targets = {{.name = "a", .kind = "kafka", .url = "https://a:9093/t"}}}, "needs url = \"kafka://"},
      {{.targets = {{.name = "a", .kind = "file", .path = "x", .properties = {{"a", "b"}}}}},
       "properties are for kind kafka"},
      {{.targets = {{.name = "a", .kind = "sqs", .arn = "arn:aws:sns:eu-west-1:1:x"}}},
       "needs arn = \"arn:aws:sqs:"},
      {{.targets = {{.name = "a",
                     .kind = "eventbridge",
                     .arn = "arn:aws:events:eu-west-1:1:event-bus/x",
                     .source = "aws.x"}}},
       "EventBridge refuses"},
      {{.targets = {{.name = "a", .kind = "webhook", .url = "x y"}}}, "needs url"},
      {{.targets = {{.name = "a", .kind = "syslog", .address = "host"}}}, "HOST:PORT"},
      {{.targets = {{.name = "a", .kind = "file", .path = "x", .format = "slack"}}}, "are for webhooks"},
      {{.targets = {{.name = "a", .kind = "file", .path = "x", .format = "cef", .input = "x"}}},
       "are for format"},
      {{.targets = {file, file}}, "stands there twice"},
      {{.rules = {{.name = "r", .targets = {"g"}, .where = "picket.toml:9"}}, .targets = {file}},
       "picket.toml:9: respond.rule r: there is no target g"},
      {{.rules = {{.name = "r", .targets = {}}}, .targets = {file}}, "names no targets"},
      {{.rules = {{.name = "r",
                   .pattern = R"({"detail":{"type":"x"}})",
                   .targets = {"f"},
                   .where = "picket.toml:9"}},
        .targets = {file}},
       "picket.toml:9: respond.rule r: pattern: detail.type: must be a list"},
  };
  for (const auto& [keys, message] : wrong) {
    const auto made = Rules::make(keys);
    ASSERT_FALSE(made) << message;
    EXPECT_THAT(made.error().message(), HasSubstr(message));
  }
}

TEST(Rules, OutboxKindsReadBack) {
  const Task task{FindingChange::created, Severity::high, "soc", "all", 0x1f};
  EXPECT_EQ(outbox_kind(task), "respond/new/high/soc/all/000000000000001f");
  const auto read = parse_task(outbox_kind(task));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->change, FindingChange::created);
  EXPECT_EQ(read->severity, Severity::high);
  EXPECT_EQ(read->target, "soc");
  EXPECT_EQ(read->rule, "all");
  EXPECT_EQ(read->entity, 0x1fU);
  const auto older = parse_task("respond/new/high/soc/all");
  ASSERT_TRUE(older);
  EXPECT_EQ(older->entity, 0U);
  EXPECT_FALSE(parse_task("respond/new/high/soc/all/here"));
  EXPECT_FALSE(parse_task("publish/new/d1"));
  EXPECT_FALSE(parse_task("respond/new/grave/soc/all"));
  EXPECT_FALSE(parse_task("respond/gone/high/soc/all"));
}

TEST(LineFile, ContinuesBehindATornLine) {
  std::string pattern = (std::filesystem::temp_directory_path() / "picket_lines_XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  LineFile file((folder / "a" / "lines").string());
  ASSERT_TRUE(file.append("one"));
  std::ofstream(file.path(), std::ios::app) << "to";
  ASSERT_TRUE(file.append("three"));
  std::ifstream in(file.path());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "one\nto\nthree\n");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace picket::respond
