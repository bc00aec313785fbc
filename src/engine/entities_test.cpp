// Entities as the engine feeds them: copies of records, threads and a restart do not show.
#include "state/entities.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/test_epochs.h"

namespace picket {
namespace {

constexpr std::int32_t all_days = 1 << 16;
constexpr TimeMs begin = 1'789'344'000'000;  // 2026-09-14

std::optional<Evidence> never(const Incident&) { return std::nullopt; }
const Detector learning = {.name = "learned",
                           .types = {{.name = "Test:IAMUser/Learned", .severity = Severity::medium}},
                           .when = {behaviours(LogKind::cloudtrail)},
                           .issue = {key::principal},
                           .logic = learned(never)};
const std::vector<const Detector*> all = {&learning};

std::string call(std::string_view user, std::string_view name, TimeMs time, std::string_view id) {
  return fmt::format(
      R"({{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/{0}","principalId":"AIDA{0}",)"
      R"("accountId":"111122223333","accessKeyId":"AKIA{0}","userName":"{0}"}},"eventTime":"{1}","eventSource":"s3.amazonaws.com",)"
      R"("eventName":"{2}","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli/2.15","eventID":"{3}",)"
      R"("recipientAccountId":"111122223333","requestParameters":{{"bucketName":"logs"}}}})"
      "\n",
      user, format_time_seconds(time), name, id);
}

std::unique_ptr<Engine> engine(unsigned threads, std::size_t bytes_max = 16U << 20) {
  EngineLimits limits;
  limits.entity_bytes_max = bytes_max;
  return std::make_unique<Engine>(all, IntelBuilder().build(), Lateness{}, limits, threads);
}

// Ten objects of the same two users; the last is a second delivery of the first.
std::vector<EpochObject> objects() {
  std::vector<EpochObject> out;
  for (int number = 0; number < 10; ++number) {
    std::string text;
    const int told = number == 9 ? 0 : number;
    for (int i = 0; i < 20; ++i)
      text += call(i % 2 == 0 ? "ana" : "ben", i % 5 == 0 ? "ListBuckets" : "GetObject",
                   begin + told * hour_ms + i * minute_ms, fmt::format("{}-{}", told, i));
    out.push_back(object_of(fmt::format("o{}.json", number), std::move(text), begin));
  }
  return out;
}

Entities::Data ana_of(const Engine& engine) {
  return engine.entities()
      .data({}, EntityKind::principal, "arn:aws:iam::111122223333:user/ana", 0, all_days)
      .value_or(Entities::Data{});
}

std::uint64_t count(const Entities::Data& data, Facet facet, std::string_view text) {
  for (const auto& one : data.values)
    if (one.facet == facet && one.text == text) return one.count;
  return 0;
}

TEST(EngineEntities, CopiesAndThreadsDoNotShow) {
  for (const unsigned threads : {1U, 4U}) {
    auto made = engine(threads);
    made->run_epoch(objects(), {});
    const auto ana = ana_of(*made);
    EXPECT_EQ(ana.activity, 90U) << threads;
    EXPECT_EQ(count(ana, Facet::call, "s3.amazonaws.com:ListBuckets"), 18U);
    EXPECT_EQ(count(ana, Facet::call, "s3.amazonaws.com:GetObject"), 72U);
    EXPECT_EQ(count(ana, facet_of(EntityKind::bucket), "logs"), 90U);
    EXPECT_EQ(ana.hours.size(), 9U);
  }
}

TEST(EngineEntities, ARestartBetweenEpochsDoesNotShow) {
  const auto given = objects();
  auto straight = engine(2);
  straight->run_epoch(std::span(given).first(5), {});
  const std::string saved = straight->save();
  straight->run_epoch(std::span(given).subspan(5), {});
  auto again = engine(1);
  ASSERT_TRUE(again->load(saved));
  again->run_epoch(std::span(given).subspan(5), {});
  const auto a = ana_of(*straight), b = ana_of(*again);
  EXPECT_EQ(a.activity, 90U);
  EXPECT_EQ(b.activity, 90U);
  EXPECT_EQ(a.hours, b.hours);
}

TEST(EngineEntities, NothingIsKeptWithoutABudget) {
  auto made = engine(1, 0);
  made->run_epoch(objects(), {});
  EXPECT_EQ(made->entities().counts().entities, 0U);
}

}  // namespace
}  // namespace picket
