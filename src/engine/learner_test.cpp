// The learned class over small logs in memory: what is usual stays quiet, an incident is told, and neither
// order nor cuts nor threads nor a restart show.
#include "engine/learner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/behaviours.h"
#include "engine/test_epochs.h"

namespace picket {
namespace {

std::optional<Evidence> anomalous(const Incident& incident) {
  if (!is_anomalous(incident, weigh(incident))) return std::nullopt;
  return Evidence{};
}
const Detector detector = {
    .name = "learned",
    .types = {{.name = "Test:IAMUser/Learned", .severity = Severity::medium, .mitre = {"TA0003", "T1098"}}},
    .when = {behaviours(LogKind::cloudtrail)},
    .issue = {key::principal},
    .logic = learned(anomalous)};
const std::vector<const Detector*> all = {&detector};

constexpr TimeMs begin = 1'789'344'000'000;  // 2026-09-14
constexpr int quiet_days = 20;
constexpr TimeMs attack_day = begin + quiet_days * day_ms;

std::string call(std::string_view user, std::string_view service, std::string_view name, TimeMs time,
                 std::string_view ip = "198.51.100.7", std::string_view client = "aws-cli/2.15") {
  return fmt::format(
      R"({{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/{0}","principalId":"AIDA{0}",)"
      R"("accountId":"111122223333","accessKeyId":"AKIA{0}","userName":"{0}"}},"eventTime":"{1}","eventSource":"{2}.amazonaws.com",)"
      R"("eventName":"{3}","awsRegion":"us-east-1","sourceIPAddress":"{4}","userAgent":"{5}","eventID":"{0}-{2}-{3}-{1}",)"
      R"("recipientAccountId":"111122223333"}})"
      "\n",
      user, format_time_seconds(time), service, name, ip, client);
}

// A day of three users, by hour; the key of the third is stolen on the last.
std::vector<std::string> days(bool attack = true) {
  std::vector<std::string> texts;
  for (int day = 0; day <= quiet_days; ++day) {
    std::string text;
    const TimeMs at = begin + day * day_ms + 9 * hour_ms;
    for (const std::string_view user : {"ana", "ben", "job"}) {
      text += call(user, "s3", "ListBuckets", at);
      text += call(user, "sqs", "SendMessage", at + minute_ms);
      text += call(user, "sqs", "SendMessage", at + 2 * hour_ms);
    }
    text += call("ana", "iam", "ListUsers", at + 3 * hour_ms);
    if (attack && day == quiet_days) {
      int minutes = 0;
      for (const std::string_view name : {"ListUsers", "CreateUser", "AttachUserPolicy", "CreateAccessKey"})
        text += call("job", "iam", name, at + hour_ms + ++minutes * minute_ms, "203.0.113.5",
                     "python-requests/2");
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

EpochObject object(std::size_t number, std::string text) {
  return object_of(fmt::format("o{:02}.json", number), std::move(text),
                   begin + static_cast<TimeMs>(number) * day_ms);
}

std::unique_ptr<Engine> engine(unsigned threads = 1) {
  return std::make_unique<Engine>(all, IntelBuilder().build(), Lateness{}, EngineLimits{}, threads);
}

std::map<std::string, AggregatedFinding> at_once(const std::vector<std::string>& texts, unsigned threads,
                                                 bool backwards) {
  auto made = engine(threads);
  std::vector<EpochObject> objects;
  for (std::size_t i = 0; i < texts.size(); ++i) objects.push_back(object(i, texts[i]));
  if (backwards) std::ranges::reverse(objects);
  auto found = take({}, made->run_epoch(objects, {}));
  made->release("", begin + 1000 * day_ms);
  return take(std::move(found), made->run_epoch({}, {}));
}

const std::string* evidence(const AggregatedFinding& finding, std::string_view name) {
  for (const auto& [key, value] : finding.activity.latest.evidence) {
    if (key == name) return &value;
  }
  return nullptr;
}

TEST(Learner, TakesWhatParametersShowForAHabitOfItsOwn) {
  // ana attaches a policy every day; on the last it grants everything.
  const auto with = [](std::string_view last) {
    std::vector<std::string> texts = days(false);
    for (std::size_t day = 0; day < texts.size(); ++day) {
      const bool is_last = day + 1 == texts.size();
      std::string text =
          call("ana", "iam", "AttachRolePolicy", begin + static_cast<TimeMs>(day) * day_ms + 14 * hour_ms,
               is_last ? "203.0.113.5" : "198.51.100.7");
      text.insert(text.rfind('}'),
                  fmt::format(R"(,"requestParameters":{{"policyArn":"arn:aws:iam::aws:policy/{}"}})",
                              is_last ? last : "ReadOnlyAccess"));
      texts[day] += text;
    }
    return at_once(texts, 1, false);
  };
  const auto usual = with("ReadOnlyAccess"), grave = with("AdministratorAccess");
  EXPECT_TRUE(usual.empty());
  ASSERT_EQ(grave.size(), 1U);
  EXPECT_EQ(grave.begin()->second.activity.latest.subject.api_call->api, "AttachRolePolicy");
  EXPECT_TRUE(evidence(grave.begin()->second, "unusual.unusualAPIsUserIdentityProfiling")
                  ->contains("AttachRolePolicy that grants all rights"));
}

TEST(Learner, TellsAnIncidentAndWhatIsUnusualAboutIt) {
  const auto found = at_once(days(), 1, false);
  ASSERT_EQ(found.size(), 1U);
  const AggregatedFinding& finding = found.begin()->second;
  EXPECT_EQ(finding.activity.latest.subject.access_key->user_name, "job");
  EXPECT_EQ(finding.activity.first.time, attack_day + 10 * hour_ms + minute_ms);
  EXPECT_EQ(finding.activity.count, 4U);
  EXPECT_EQ(finding.activity.proof.records().size(), 4U);
  ASSERT_NE(evidence(finding, "anomalies.anomalousAPIs"), nullptr);
  EXPECT_EQ(*evidence(finding, "anomalies.anomalousAPIs"),
            "iam.amazonaws.com:[ListUsers:success, CreateUser:success, AttachUserPolicy:success, "
            "CreateAccessKey:success]");
  ASSERT_NE(evidence(finding, "unusual.unusualAPIsAccountProfiling"), nullptr);
  EXPECT_FALSE(evidence(finding, "unusual.unusualAPIsAccountProfiling")->contains("ListUsers"));
  EXPECT_TRUE(evidence(finding, "unusual.unusualAPIsUserIdentityProfiling")->contains("ListUsers"));
  EXPECT_EQ(*evidence(finding, "profiled.frequentProfiledAPIsUserIdentityProfiling"),
            "s3.amazonaws.com:ListBuckets, sqs.amazonaws.com:SendMessage");
}

TEST(Learner, IsQuietAboutWhatIsUsual) { EXPECT_TRUE(at_once(days(false), 1, false).empty()); }

TEST(Learner, NeitherOrderNorCutsNorThreadsNorARestartShow) {
  std::vector<std::string> texts = days();
  const std::string expected = bytes_of(at_once(texts, 1, false));
  EXPECT_EQ(bytes_of(at_once(texts, 4, true)), expected);

  // A day an epoch, restarts after each.
  std::map<std::string, AggregatedFinding> found;
  auto running = engine();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    found = take(std::move(found), running->run_epoch({{object(i, texts[i])}}, {}));
    auto next = engine(2);
    ASSERT_TRUE(next->load(by_way_of_others(running->save(), all)));
    ASSERT_EQ(next->save(), running->save());
    running = std::move(next);
  }
  running->release("", begin + 1000 * day_ms);
  EXPECT_EQ(bytes_of(take(std::move(found), running->run_epoch({}, {}))), expected);
}

TEST(Learner, WaitsUntilTheAccountIsKnown) {
  std::vector<std::string> texts = days();
  texts.erase(texts.begin(), texts.begin() + 8);
  EXPECT_TRUE(at_once(texts, 1, false).empty()) << "13 days of history";
}

TEST(Behaviours, PassesOnOnlyWhatIsNew) {
  Behaviours behaviours;
  std::uint64_t position = 0;
  const auto told = [&](TimeMs time, std::string_view ip) {
    CloudTrailEvent event;
    event.user_identity.type = "IAMUser";
    event.user_identity.arn = "arn:aws:iam::111122223333:user/job";
    event.event_source = "sqs.amazonaws.com";
    event.event_name = "SendMessage";
    event.event_time = time;
    event.source_ip_address = ip;
    event.source_ip = IpAddress::parse(ip);
    Caller caller(event);
    behaviours.add(event, caller, {}, 1, ++position);
    return behaviours.take().calls.size();
  };
  EXPECT_EQ(told(begin + hour_ms, "198.51.100.7"), 1U);
  EXPECT_EQ(told(begin + 2 * hour_ms, "198.51.100.7"), 0U);
  EXPECT_EQ(told(begin, "198.51.100.7"), 1U) << "an earlier one";
  EXPECT_EQ(told(begin + day_ms, "198.51.100.7"), 1U) << "another day";
  EXPECT_EQ(told(begin + day_ms, "8.8.8.8"), 1U) << "another network";
  EXPECT_EQ(told(begin + day_ms + minute_ms, "8.8.8.77"), 0U) << "a neighbour";
}

TEST(Behaviours, NamesClientsOverUpdates) {
  EXPECT_EQ(client_of("aws-cli/2.27.20 md/awscrt#0.26.1 ua/2.1 os/macos#24.5.0 md/command#s3.cp"),
            "aws-cli/2 on macos");
  EXPECT_EQ(client_of("Boto3/1.38.22 md/Botocore#1.38.22 ua/2.1 os/linux#6.1.134"), "Boto3/1 on linux");
  EXPECT_EQ(client_of("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"), "browser on windows");
  EXPECT_EQ(client_of("APN/1.0 HashiCorp/1.0 Terraform/1.12.0 (+https://www.terraform.io) os/linux"),
            "Terraform on linux");
  EXPECT_EQ(client_of("[S3Console/0.4, aws-internal/3]"), "S3Console/0");
  EXPECT_EQ(client_of("cloudformation.amazonaws.com"), "cloudformation.amazonaws.com");
  EXPECT_EQ(client_of(""), "");
}

}  // namespace
}  // namespace picket
