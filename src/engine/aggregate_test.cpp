#include "engine/aggregate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace picket {
namespace {

const Detector detector = {.name = "test", .types = {{.name = "Test:IAMUser/Thing"}}};
const std::vector<const Detector*> detectors = {&detector};

Detection at(TimeMs time, const std::string& issue = "a", const std::string& event = "e") {
  Detection d;
  d.severity = 2;
  d.subject.account = "111122223333";
  d.subject.region = "eu-west-1";
  d.issue = issue;
  d.first = d.last = {time, 7, 1, event};
  d.evidence = {{"time", std::to_string(time)}};
  return d;
}

std::string saved(const Aggregator& aggregator) {
  std::string bytes;
  Writer out(bytes);
  aggregator.save(out);
  return bytes;
}

TEST(Aggregator, MergesInAnyOrderToTheSameState) {
  std::vector<Detection> detections;
  for (int i = 0; i < 300; ++i) {
    detections.push_back(at(i * hour_ms, i % 3 == 0 ? "a" : "b", "event-" + std::to_string(i)));
    detections.back().subject.remote_ip = IpAddress::parse("198.51.100." + std::to_string(100 + i % 50));
  }
  detections[5].severity = 8;
  Aggregator forward(detectors), backward(detectors);
  for (const Detection& d : detections) forward.add(d);
  std::reverse(detections.begin(), detections.end());
  for (const Detection& d : detections) backward.add(d);
  const auto a = forward.take_changes(), b = backward.take_changes();
  EXPECT_EQ(saved(forward), saved(backward));
  ASSERT_EQ(a.updated.size(), 2U);
  EXPECT_EQ(b.updated.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(a.updated[i].id, b.updated[i].id);
  const Activity& one = a.updated[0].activity.count == 100 ? a.updated[0].activity : a.updated[1].activity;
  const Activity& other = a.updated[0].activity.count == 100 ? a.updated[1].activity : a.updated[0].activity;
  EXPECT_EQ(one.count, 100U);
  EXPECT_EQ(one.first.time, 0);
  EXPECT_EQ(one.last.time, 297 * hour_ms);
  EXPECT_EQ(one.latest.evidence[0].second, std::to_string(297 * hour_ms));
  EXPECT_EQ(one.proof.records().size(), 100U);
  EXPECT_EQ(other.severity, 8);
  ASSERT_EQ(one.remote_ips.size(), Activity::remote_ips_max);
  EXPECT_EQ(one.remote_ips.front(), IpAddress::parse("198.51.100.100"));
  EXPECT_EQ(one.remote_ips.back(), IpAddress::parse("198.51.100.119"));
  EXPECT_EQ(other.proof.records().size(), 2 * Proof::half_max);
  EXPECT_EQ(other.proof.records().front().event_id, "event-1");
  EXPECT_EQ(other.proof.records().back().event_id, "event-299");
}

TEST(Aggregator, SilenceOfNinetyDaysBeginsANewFinding) {
  Aggregator aggregator(detectors);
  aggregator.add(at(0));
  aggregator.add(at(Aggregator::episode_gap));
  ASSERT_EQ(aggregator.take_changes().updated.size(), 1U);
  aggregator.add(at(2 * Aggregator::episode_gap + 1));
  auto changes = aggregator.take_changes();
  ASSERT_EQ(changes.updated.size(), 2U);
  EXPECT_TRUE(changes.retracted.empty());
  // What comes late and lies between joins them, and the second finding is taken back.
  aggregator.add(at(Aggregator::episode_gap + day_ms));
  changes = aggregator.take_changes();
  ASSERT_EQ(changes.updated.size(), 1U);
  EXPECT_EQ(changes.retracted.size(), 1U);
  EXPECT_EQ(changes.updated[0].activity.count, 4U);
}

TEST(Aggregator, AnOpenWindowReplacesWhatItSaidBefore) {
  Aggregator aggregator(detectors);
  Detection growing = at(1000);
  growing.count = 10;
  aggregator.replace(42, growing);
  EXPECT_EQ(aggregator.take_changes().updated.at(0).activity.count, 10U);
  growing.count = 25;
  aggregator.replace(42, growing);
  aggregator.settle(42);
  aggregator.settle(43);  // never said anything
  EXPECT_EQ(aggregator.take_changes().updated.at(0).activity.count, 25U);
  aggregator.add(at(2000));
  EXPECT_EQ(aggregator.take_changes().updated.at(0).activity.count, 26U);
  EXPECT_TRUE(aggregator.take_changes().updated.empty());
  // A window whose detection turns into another issue leaves the first.
  aggregator.replace(44, at(3000, "b"));
  aggregator.replace(44, at(3000, "c"));
  const auto changes = aggregator.take_changes();
  EXPECT_EQ(changes.updated.size(), 1U);
}

// Signals of one sequence may have come to know the same record by different routes.
TEST(Proof, CopiesOfARecordAreOneUnderTheSmallestObject) {
  std::vector<ProofRecord> records;
  for (std::uint64_t i = 0; i < Proof::half_max + 20; ++i)
    for (const std::uint64_t object : {9U, 3U, 5U})
      records.push_back({static_cast<TimeMs>(i / 2 * hour_ms), object, i, "event-" + std::to_string(i)});
  for (std::size_t seed = 0; seed < 50; ++seed) {
    std::ranges::shuffle(records, std::mt19937(seed));
    Proof proof, half;
    for (std::size_t i = 0; i < records.size(); ++i) (i % 2 == 0 ? proof : half).add(records[i]);
    proof.merge(half);
    EXPECT_EQ(proof.records().size(), Proof::half_max + 20);
    for (const ProofRecord& record : proof.records()) EXPECT_EQ(record.object, 3U);
  }
}

TEST(Aggregator, AWithdrawnWindowTakesItsFindingAlong) {
  Aggregator aggregator(detectors);
  aggregator.replace(42, at(1000));
  ASSERT_EQ(aggregator.take_changes().updated.size(), 1U);
  aggregator.withdraw(42);
  aggregator.withdraw(43);
  const auto changes = aggregator.take_changes();
  EXPECT_TRUE(changes.updated.empty());
  EXPECT_EQ(changes.retracted.size(), 1U);
  EXPECT_EQ(aggregator.issues(), 0U);
}

TEST(Aggregator, SavesAndLoads) {
  Aggregator aggregator(detectors);
  aggregator.add(at(0));
  aggregator.replace(42, at(1000));
  aggregator.take_changes();
  const std::string bytes = saved(aggregator);
  Aggregator copy(detectors);
  Reader in(bytes);
  copy.load(in);
  ASSERT_FALSE(in.failed());
  EXPECT_EQ(saved(copy), bytes);
  copy.settle(42);
  EXPECT_EQ(copy.take_changes().updated.at(0).activity.count, 2U);
}

TEST(Aggregator, RefusedAttemptsStandBesideTheFindingOfTheSameIssue) {
  Aggregator aggregator(detectors);
  Detection refused = at(hour_ms, "a", "refused");
  refused.signal = true;
  aggregator.add(refused);
  const auto first = aggregator.take_changes();
  EXPECT_TRUE(first.updated.empty());
  ASSERT_EQ(first.signals.size(), 1U);
  EXPECT_TRUE(first.signals[0].signal());

  aggregator.add(at(2 * hour_ms, "a", "done"));
  const auto second = aggregator.take_changes();
  EXPECT_TRUE(second.signals.empty());
  ASSERT_EQ(second.updated.size(), 1U);
  EXPECT_EQ(second.updated[0].activity.count, 1U);
  EXPECT_NE(second.updated[0].id, first.signals[0].id);
}

}  // namespace
}  // namespace picket
