#include "pipeline/publisher.h"

#include <gmock/gmock.h>

#include "base/gzip.h"
#include "pipeline/suppressions.h"
#include "pipeline/test_support.h"
#include "store/detector_settings.h"
#include "store/filters.h"

namespace picket {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* account = "111122223333";

std::string id_of(unsigned number) {
  char text[33];
  std::snprintf(text, sizeof text, "%032x", number);
  return text;
}

FindingRow finding(unsigned number, std::uint64_t epoch = 1) {
  return {.id = id_of(number),
          .account = account,
          .region = "eu-west-1",
          .type = "Recon:EC2/Portscan",
          .detector_id = id_of(0xd),
          .severity = 5,
          .created_at = 1'700'000'000'000,
          .updated_at = 1'700'000'000'000,
          .first_seen = 1'700'000'000'000,
          .last_seen = 1'700'000'000'000,
          .count = static_cast<std::int64_t>(epoch),
          .epoch = epoch,
          .document = R"({"id":")" + id_of(number) + R"(","severity":5,"service":{"count":)" +
                      std::to_string(epoch) + "}}"};
}

class PublisherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    destination = {.account = account,
                   .region = "eu-west-1",
                   .id = "d1",
                   .destination_arn = "arn:aws:s3:::findings/prod",
                   .kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1",
                   .updates_published_at = clock};
    save();
  }
  void save() {
    const SettingChange change = save_change(destination);
    ASSERT_TRUE(scratch.store->change_settings({&change, 1}));
  }
  PublishingDestination stored() {
    return load_destination(*scratch.store, account, "eu-west-1", "d1").value().value();
  }
  void write(FindingRow row, FindingChange change) {
    const std::uint64_t epoch = row.epoch;
    const OutboxRow outbox{row.id, outbox_kind({change, "d1"})};
    ASSERT_TRUE(scratch.store->apply({&row, 1}, {}, epoch, {&outbox, 1}, clock));
  }
  void turn() { ASSERT_TRUE(publisher->turn()); }
  // Names of the objects that hold findings.
  std::vector<std::string> sent() {
    std::vector<std::string> names;
    for (const auto& [path, body] : s3.objects())
      if (path.ends_with(".jsonl.gz")) names.push_back(path);
    return names;
  }
  std::size_t waiting() { return scratch.store->outbox(0, 1000)->size(); }

  test::Scratch scratch;
  test::FakeS3 s3;
  aws::S3Client client = s3.client();
  TimeMs clock = *parse_time("2026-11-24T03:10:50Z");
  PublishingDestination destination;
  std::unique_ptr<Publisher> publisher =
      std::make_unique<Publisher>(*scratch.store, client, [this] { return clock; });
};

TEST_F(PublisherTest, SendsNewFindingsUnderGuardDutysKeys) {
  turn();
  EXPECT_EQ(stored().status, PublishingStatus::publishing);
  EXPECT_EQ(s3.objects().begin()->first, "/findings/prod/AWSLogs/111122223333/GuardDuty/eu-west-1/");
  write(finding(1), FindingChange::created);
  write(finding(2), FindingChange::created);
  turn();
  ASSERT_EQ(sent().size(), 1U);
  EXPECT_THAT(sent()[0], StartsWith("/findings/prod/AWSLogs/111122223333/GuardDuty/eu-west-1/2026/11/24/"));
  EXPECT_THAT(s3.objects()[sent()[0]], StartsWith("\x1f\x8b"));
  EXPECT_THAT(s3.last_head(), HasSubstr("x-amz-server-side-encryption: aws:kms"));
  EXPECT_THAT(s3.last_head(), HasSubstr("aws-kms-key-id: arn:aws:kms:eu-west-1:111122223333:key/1"));
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(PublisherTest, SendsUpdatesAtTheDetectorsFrequency) {
  DetectorSettings detector = default_detector(clock);
  detector.finding_publishing_frequency = "FIFTEEN_MINUTES";
  ASSERT_TRUE(save_detector(*scratch.store, account, "eu-west-1", detector));
  write(finding(1), FindingChange::created);
  turn();
  write(finding(1, 2), FindingChange::updated);
  write(finding(1, 3), FindingChange::updated);
  clock += 14 * minute_ms;
  turn();
  EXPECT_EQ(sent().size(), 1U);
  EXPECT_EQ(waiting(), 1U);  // one is enough for both
  clock += minute_ms;
  turn();
  EXPECT_EQ(sent().size(), 2U);
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(PublisherTest, KeepsWhatCannotBeSent) {
  s3.refuse(true);
  write(finding(1), FindingChange::created);
  turn();
  EXPECT_EQ(stored().status, PublishingStatus::unable);
  EXPECT_EQ(stored().failing_since, clock);
  EXPECT_EQ(waiting(), 1U);
  // A new process finds it in the outbox.
  publisher = std::make_unique<Publisher>(*scratch.store, client, [this] { return clock; });
  s3.refuse(false);
  turn();
  EXPECT_EQ(stored().status, PublishingStatus::publishing);
  EXPECT_EQ(stored().failing_since, 0);
  EXPECT_EQ(sent().size(), 1U);
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(PublisherTest, TellsWhatWasTakenBack) {
  write(finding(1), FindingChange::created);
  turn();
  // Not told yet: nobody has to know.
  write(finding(2), FindingChange::created);
  const std::vector<std::string> gone{finding(1).id};
  const OutboxRow row{gone.front(), outbox_kind({FindingChange::withdrawn, "d1"}),
                      R"({"accountId":"111122223333","service":{"archived":true}})"};
  ASSERT_TRUE(scratch.store->apply({}, gone, 2, {&row, 1}, clock));
  clock += 7 * hour_ms;
  turn();
  ASSERT_EQ(sent().size(), 3U);
  EXPECT_EQ(waiting(), 0U);
  std::size_t told = 0;
  for (const auto& [name, body] : s3.objects()) told += body == gzip(row.document + '\n');
  EXPECT_EQ(told, 1U);
}

TEST_F(PublisherTest, SendsNothingThatAFilterArchived) {
  FindingRow row = finding(1);
  row.suppressed = true;
  write(row, FindingChange::created);
  turn();
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(PublisherTest, DropsWhatWasMeantForADestinationThatIsGone) {
  const SettingChange gone = remove_change(destination);
  ASSERT_TRUE(scratch.store->change_settings({&gone, 1}));
  write(finding(1), FindingChange::created);
  turn();
  EXPECT_TRUE(s3.objects().empty());
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(PublisherTest, FiltersSuppressWhereTheyHold) {
  const auto add = [&](const std::string& name, const std::string& action, const std::string& criteria) {
    const SettingChange change = save_change(FilterSettings{.account = account,
                                                            .region = "eu-west-1",
                                                            .name = name,
                                                            .action = action,
                                                            .finding_criteria = criteria});
    ASSERT_TRUE(scratch.store->change_settings({&change, 1}));
  };
  add("noop", "NOOP", R"({"criterion":{}})");
  add("scans", "ARCHIVE", R"({"criterion":{"type":{"matches":["Recon:*"]}}})");
  const auto body = filters_body(*scratch.store, [](std::string_view owner, std::string_view) {
    return Accounts({std::string(owner)});
  });
  ASSERT_TRUE(body);
  std::vector<std::string> warnings;
  const auto suppressions = Suppressions::read(*body, warnings);
  ASSERT_TRUE(suppressions);
  EXPECT_TRUE(warnings.empty());
  FindingRow row = finding(1);
  row.document = R"({"type":"Recon:EC2/Portscan","service":{}})";
  EXPECT_EQ(suppressions->cover(row), true);
  row.region = "us-east-1";
  EXPECT_EQ(suppressions->cover(row), false);
  row.region = "eu-west-1";
  row.account = "444455556666";
  EXPECT_EQ(suppressions->cover(row), false);
  row.account = account;
  row.type = "Stealth:IAMUser/CloudTrailLoggingDisabled";
  row.document = R"({"type":"Stealth:IAMUser/CloudTrailLoggingDisabled","service":{}})";
  EXPECT_EQ(suppressions->cover(row), false);
}

TEST_F(PublisherTest, FiltersEndByTheTimeOfTheRecord) {
  const SettingChange change =
      save_change(FilterSettings{.account = account,
                                 .region = "eu-west-1",
                                 .name = "pentest",
                                 .action = "ARCHIVE",
                                 .finding_criteria = R"({"criterion":{}})",
                                 .tags = {{"picket:expires", "2026-09-16T00:00:00Z"}}});
  ASSERT_TRUE(scratch.store->change_settings({&change, 1}));
  const auto body = filters_body(*scratch.store, [](std::string_view owner, std::string_view) {
    return Accounts({std::string(owner)});
  });
  ASSERT_TRUE(body);
  std::vector<std::string> warnings;
  const auto suppressions = Suppressions::read(*body, warnings);
  ASSERT_TRUE(suppressions) << suppressions.error().message();
  FindingRow row = finding(1);
  row.created_at = *parse_time("2026-09-16T00:00:00Z") - 1;
  EXPECT_EQ(suppressions->cover(row), true);
  ++row.created_at;
  EXPECT_EQ(suppressions->cover(row), false);
}

}  // namespace
}  // namespace picket
