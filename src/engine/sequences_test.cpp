// Sequences over small logs in memory: one actor over keys and accounts, a rolling day, and the same finding
// for any order, cut, number of threads and restart.
#include "engine/sequences.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/test_epochs.h"

namespace picket {
namespace {

std::optional<Evidence> three_tactics(const ActorSignals& actor) {
  if (actor.weigh().tactic_count() < 3) return std::nullopt;
  return severe(actor.weigh());
}
const Detector detector = {.name = "sequence",
                           .types = {{.name = "Test:IAM/Sequence",
                                      .severity = Severity::critical,
                                      .resource = ResourceKind::attack_sequence,
                                      .action = ActionKind::none}},
                           .when = {signals()},
                           .logic = sequence(three_tactics)};
const std::vector<const Detector*> all = {&detector};

constexpr TimeMs day = 1'789'344'000'000;  // 2026-09-14

struct Caller {
  std::string type = "IAMUser", arn = "arn:aws:iam::111122223333:user/marta", id = "AIDAMARTA",
              key = "AKIAMARTA", account = "111122223333";
};
const Caller marta;
const Caller admin = {"AssumedRole", "arn:aws:sts::444455556666:assumed-role/admin/m", "AROAADMIN:m",
                      "ASIAADMIN", "444455556666"};

std::string call(const Caller& who, std::string_view service, std::string_view name, TimeMs time,
                 std::string_view more = "") {
  static int number = 0;
  return fmt::format(
      R"({{"eventVersion":"1.11","userIdentity":{{"type":"{}","arn":"{}","principalId":"{}","accountId":"{}","accessKeyId":"{}"}},)"
      R"("eventTime":"{}","eventSource":"{}.amazonaws.com","eventName":"{}","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.7",)"
      R"("userAgent":"aws-cli/2","eventID":"id-{:04}","recipientAccountId":"{}"{}}})"
      "\n",
      who.type, who.arn, who.id, who.account, who.key, format_time_seconds(time), service, name, ++number,
      who.account, more);
}

EpochObject object(const std::string& key, std::string text) { return object_of(key, std::move(text), day); }

std::unique_ptr<Engine> engine(unsigned threads = 1) {
  return std::make_unique<Engine>(all, IntelBuilder().build(), Lateness{}, EngineLimits{}, threads);
}

// Objects in one epoch, all released.
std::map<std::string, AggregatedFinding> findings_of(std::vector<std::string> texts) {
  auto made = engine();
  std::vector<EpochObject> objects;
  for (std::size_t i = 0; i < texts.size(); ++i)
    objects.push_back(object(fmt::format("o{}.json", i), std::move(texts[i])));
  auto found = take({}, made->run_epoch(objects, {}));
  made->release("", day + 1000 * day_ms);
  return take(std::move(found), made->run_epoch({}, {}));
}

std::vector<std::string> chain() {
  std::vector<std::string> texts;
  texts.push_back(call(marta, "iam", "ListUsers", day + hour_ms));
  texts.push_back(call(marta, "sts", "AssumeRole", day + 2 * hour_ms,
                       R"(,"responseElements":{"credentials":{"accessKeyId":"ASIAADMIN"}})"));
  texts.push_back(call(admin, "iam", "CreateUser", day + 3 * hour_ms));
  texts.push_back(call(admin, "cloudtrail", "StopLogging", day + 4 * hour_ms));
  texts.push_back(
      call(admin, "s3", "DeleteBucket", day + 5 * hour_ms, R"(,"requestParameters":{"bucketName":"b"})"));
  return texts;
}

TEST(Sequences, JoinsWhatDescendsFromOneIdentity) {
  const auto found = findings_of(chain());
  ASSERT_EQ(found.size(), 1U);
  const AggregatedFinding& finding = found.begin()->second;
  ASSERT_TRUE(finding.activity.sequence);
  const Sequence& sequence = *finding.activity.sequence;
  EXPECT_EQ(sequence.root, "arn:aws:iam::111122223333:user/marta");
  EXPECT_EQ(sequence.actors.size(), 2U);
  ASSERT_EQ(sequence.signals.size(), 5U);
  EXPECT_EQ(sequence.signals.front().name, "iam:ListUsers");
  EXPECT_TRUE(sequence.signals.front().advances);
  EXPECT_EQ(sequence.signals.back().buckets, std::set<std::string>{"b"});
  // Discovery, then Lateral Movement, then Persistence: with the third tactic it is one.
  EXPECT_EQ(sequence.raised, day + 3 * hour_ms);
  EXPECT_EQ(finding.activity.latest.subject.account, "111122223333");
  EXPECT_EQ(finding.count(), 1U);
}

TEST(Sequences, NeitherOrderNorCutsNorThreadsNorARestartShow) {
  const std::vector<std::string> texts = chain();
  auto straight = engine();
  std::map<std::string, AggregatedFinding> expected;
  for (std::size_t i = 0; i < texts.size(); ++i)
    expected =
        take(std::move(expected), straight->run_epoch({{object(fmt::format("o{}.json", i), texts[i])}}, {}));
  straight->release("", day + 1000 * day_ms);
  expected = take(std::move(expected), straight->run_epoch({}, {}));
  ASSERT_EQ(expected.size(), 1U);

  // All at once, backwards, on four threads.
  auto other = engine(4);
  std::vector<EpochObject> objects;
  for (std::size_t i = texts.size(); i-- > 0;)
    objects.push_back(object(fmt::format("o{}.json", i), texts[i]));
  auto found = take({}, other->run_epoch(objects, {}));
  other->release("", day + 1000 * day_ms);
  EXPECT_EQ(bytes_of(take(std::move(found), other->run_epoch({}, {}))), bytes_of(expected));

  // Restarts after every epoch.
  found = {};
  auto running = engine();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    found = take(std::move(found), running->run_epoch({{object(fmt::format("o{}.json", i), texts[i])}}, {}));
    auto next = engine();
    ASSERT_TRUE(next->load(by_way_of_others(running->save(), all)));
    ASSERT_EQ(next->save(), running->save());
    running = std::move(next);
  }
  running->release("", day + 1000 * day_ms);
  EXPECT_EQ(bytes_of(take(std::move(found), running->run_epoch({}, {}))), bytes_of(expected));
}

TEST(Sequences, TellOfFoldedCallsTheFirstWhateverCameFirst) {
  const std::string early = call(marta, "iam", "ListUsers", day + hour_ms, R"(,"errorCode":"AccessDenied")");
  const std::string late = call(marta, "iam", "ListUsers", day + hour_ms + second_ms,
                                R"(,"errorCode":"Client.UnauthorizedOperation")");
  std::vector<std::string> texts = chain();
  texts[0] = early;
  texts.push_back(late);
  const auto found = findings_of(texts);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.begin()->second.activity.sequence->signals.front().call.error_code, "AccessDenied");
  std::swap(texts.front(), texts.back());
  const auto swapped = findings_of(texts);
  ASSERT_EQ(swapped.size(), 1U);
  EXPECT_EQ(swapped.begin()->second.activity.sequence->signals.front().call.error_code, "AccessDenied");
}

TEST(Sequences, TakeRecordsFromBefore1970) {
  const TimeMs before = -day_ms - 5 * hour_ms;
  EXPECT_TRUE(findings_of({call(marta, "iam", "ListUsers", before), call(marta, "iam", "CreateUser", before)})
                  .empty());
}

// What the signal of that name is worth, in 1/256 bit, and how its line of the explanation reads.
std::pair<std::int32_t, std::string> told_of(const AggregatedFinding& finding, std::string_view name) {
  std::pair<std::int32_t, std::string> told;
  for (const SequenceSignal& signal : finding.activity.sequence->signals) {
    if (signal.name == name) told.first = std::max(told.first, signal.bits);
  }
  for (const auto& [key, value] : finding.activity.latest.evidence) {
    if (key == "chain" && value.contains(name)) told.second = value;
  }
  return told;
}

TEST(Sequences, WeighCallsByWhatTheirParametersShow) {
  const auto with = [](std::string_view parameters) {
    std::vector<std::string> texts = chain();
    texts.push_back(call(marta, "iam", "UpdateAssumeRolePolicy", day + 6 * hour_ms,
                         fmt::format(R"(,"requestParameters":{})", parameters)));
    const auto found = findings_of(texts);
    return found.empty() ? std::pair<std::int32_t, std::string>()
                         : told_of(found.begin()->second, "iam:UpdateAssumeRolePolicy");
  };
  const auto trusting = [](std::string_view account) {
    return fmt::format(
        R"({{"roleName":"r","policyDocument":"{{\"Statement\":[{{\"Effect\":\"Allow\",\"Principal\":)"
        R"({{\"AWS\":\"{}\"}},\"Action\":\"sts:AssumeRole\"}}]}}"}})",
        account);
  };
  const auto untold = with("null"), own = with(trusting("111122223333")),
             stranger = with(trusting("999988887777"));
  EXPECT_LT(own.first, untold.first);
  EXPECT_GT(stranger.first, untold.first);
  EXPECT_TRUE(stranger.second.contains("lets in outsiders")) << stranger.second;
  EXPECT_FALSE(own.second.contains("outsiders")) << own.second;
}

TEST(Sequences, KnowTheOrganisationByItsLogs) {
  const std::string trust =
      R"(,"requestParameters":{"policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"444455556666\"},)"
      R"(\"Action\":\"sts:AssumeRole\"}]}"})";
  std::vector<std::string> texts = chain();
  texts.push_back(call(marta, "iam", "UpdateAssumeRolePolicy", day + 6 * hour_ms, trust));
  const auto stranger = findings_of(texts);
  // Somebody worked in that account the day before.
  texts.push_back(call(admin, "iam", "ListRoles", day - 20 * hour_ms));
  const auto known = findings_of(texts);
  ASSERT_EQ(stranger.size(), 1U);
  ASSERT_EQ(known.size(), 1U);
  EXPECT_TRUE(told_of(stranger.begin()->second, "iam:UpdateAssumeRolePolicy").second.contains("outsiders"));
  EXPECT_FALSE(told_of(known.begin()->second, "iam:UpdateAssumeRolePolicy").second.contains("outsiders"));
}

TEST(Sequences, CountARecordOnceThatCameTwice) {
  std::vector<std::string> texts = chain();
  const auto once = findings_of(texts);
  texts.insert(texts.end(), texts.begin(), texts.begin() + 5);
  const auto twice = findings_of(texts);
  ASSERT_EQ(once.size(), 1U);
  ASSERT_EQ(twice.size(), 1U);
  EXPECT_EQ(twice.begin()->second.activity.count, 5U);
  EXPECT_EQ(twice.begin()->second.activity.proof.records().size(), 5U);
}

TEST(Sequences, ADayOfSilenceEndsThem) {
  EXPECT_EQ(
      findings_of({call(marta, "iam", "ListUsers", day), call(marta, "iam", "CreateUser", day + 12 * hour_ms),
                   call(marta, "cloudtrail", "StopLogging", day + 24 * hour_ms)})
          .size(),
      1U);
  EXPECT_EQ(
      findings_of({call(marta, "iam", "ListUsers", day), call(marta, "iam", "CreateUser", day + 12 * hour_ms),
                   call(marta, "cloudtrail", "StopLogging", day + 25 * hour_ms)})
          .size(),
      0U);
  // Two days later the same again is another sequence; an hour later it is the same one, longer.
  std::vector<std::string> texts = chain();
  std::vector<std::string> later = {call(marta, "iam", "ListUsers", day + 6 * hour_ms)};
  for (const TimeMs at : {day + 54 * hour_ms, day + 55 * hour_ms})
    later.push_back(call(marta, "iam", at == day + 54 * hour_ms ? "ListUsers" : "CreateUser", at));
  later.push_back(call(marta, "cloudtrail", "StopLogging", day + 56 * hour_ms));
  texts.insert(texts.end(), later.begin(), later.end());
  const auto first = findings_of(chain());
  const auto both = findings_of(texts);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_TRUE(std::ranges::any_of(both, [](const auto& item) {
    return item.second.activity.last.time == day + 6 * hour_ms &&
           item.second.activity.first.time == day + hour_ms;
  }));
}

TEST(Sequences, KeepTheStrongestSignalsOfAnActor) {
  std::string text = call(marta, "iam", "CreateUser", day + minute_ms) +
                     call(marta, "cloudtrail", "StopLogging", day + minute_ms);
  std::size_t apis = 0;
  for (const ListedApi& api : listed_apis()) {
    if (api.of.tactic != Tactic::discovery || ++apis > 150) continue;
    const std::string_view service = api.event_source.substr(0, api.event_source.find('.'));
    text += call(marta, service, api.event_name, day + 2 * minute_ms + static_cast<TimeMs>(apis) * second_ms);
  }
  ASSERT_GT(apis, 150U);
  const auto found = findings_of({text});
  ASSERT_EQ(found.size(), 1U);
  const Sequence& sequence = *found.begin()->second.activity.sequence;
  EXPECT_EQ(sequence.signals.size(), 100U);
  EXPECT_TRUE(std::ranges::any_of(sequence.signals, [](const SequenceSignal& signal) {
    return signal.name == "cloudtrail:StopLogging";
  }));
}

}  // namespace
}  // namespace picket
