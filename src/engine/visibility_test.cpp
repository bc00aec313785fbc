#include "engine/visibility.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace picket {
namespace {

constexpr TimeMs begin = 1'789'776'000'000;  // 2026-09-19T00:00:00Z
constexpr TimeMs end_of_time = std::numeric_limits<TimeMs>::max() / 4;

std::optional<Evidence> longer_than_usual(const Gap& gap) {
  if (gap.to - gap.from <= std::max(hour_ms, 2 * gap.usual)) return std::nullopt;
  return Evidence{{"ongoing", gap.ongoing ? "yes" : "no"}, {"usual", std::to_string(gap.usual / minute_ms)}};
}
std::optional<Evidence> any(const Gap& gap) {
  return Evidence{{"records", std::to_string(gap.records)}, {"what", gap.what}};
}

const Detector silent = {.types = {{.name = "Stealth:S3/A"}},
                         .when = {gaps(GapKind::silent_source)},
                         .logic = each(longer_than_usual)};
const Detector broken = {
    .types = {{.name = "Stealth:S3/B"}}, .when = {gaps(GapKind::broken_digest)}, .logic = each(any)};
const Detector evicted = {
    .types = {{.name = "Stealth:S3/C"}}, .when = {gaps(GapKind::evicted_state)}, .logic = each(any)};
constexpr std::array<const Detector*, 3> detectors{&silent, &broken, &evicted};

class VisibilityTest : public testing::Test {
 protected:
  // An object of an account with a record each `step` in [from, to).
  void put(const std::string& account, TimeMs from, TimeMs to, TimeMs step = hour_ms) {
    ObjectLedger ledger;
    ledger.key = account + std::to_string(from);
    ledger.kind = LogKind::cloudtrail;
    PlaceMarks marks;
    for (TimeMs time = from; time < to; time += step) {
      marks.slots[{account, "us-east-1"}].add(time, ++ledger.records_numbered);
      ++ledger.processed;
      ledger.last = ledger.advance = time;
    }
    watch.add(ledger, account, "us-east-1", std::move(marks));
  }
  Visibility::Output turn(TimeMs watermark) {
    std::array<TimeMs, log_kinds.size()> marks{}, lateness{};
    marks.fill(watermark);
    lateness.fill(hour_ms);
    return watch.turn(marks, lateness, facts);
  }
  static std::string told(const Detection& detection) {
    std::string out = detection.subject.account;
    for (const auto& [name, value] : detection.evidence) out += " " + name + "=" + value;
    return out;
  }
  Visibility watch{detectors};
  Facts facts;
};

TEST_F(VisibilityTest, SilenceShowsBesideSourcesThatGoOn) {
  put("111111111111", begin, begin + 10 * day_ms);
  put("222222222222", begin, begin + 12 * day_ms);
  const auto out = turn(end_of_time);
  ASSERT_EQ(out.changed.size(), 1U);
  EXPECT_EQ(told(out.changed[0].second), "111111111111 ongoing=yes usual=60");
  EXPECT_EQ(out.changed[0].second.first.time, begin + 10 * day_ms - hour_ms);
  EXPECT_TRUE(turn(end_of_time).changed.empty());  // told once
}

TEST_F(VisibilityTest, NothingIsSilentWhenNobodyGoesOnOrItIsNew) {
  put("111111111111", begin, begin + 10 * day_ms);
  put("222222222222", begin, begin + 10 * day_ms);
  put("333333333333", begin + 6 * day_ms, begin + 7 * day_ms);  // a day of its own
  EXPECT_TRUE(turn(end_of_time).changed.empty());
}

TEST_F(VisibilityTest, WhoWasNotThereIsNoWitness) {
  put("111111111111", begin, begin + 10 * day_ms);
  put("222222222222", begin + 8 * day_ms, begin + 60 * day_ms);
  EXPECT_TRUE(turn(end_of_time).changed.empty());
}

TEST_F(VisibilityTest, LateRecordsTakeTheFindingBack) {
  put("111111111111", begin, begin + 10 * day_ms);
  put("222222222222", begin, begin + 11 * day_ms);
  const auto first = turn(end_of_time);
  ASSERT_EQ(first.changed.size(), 1U);
  put("111111111111", begin + 10 * day_ms, begin + 11 * day_ms);
  const auto then = turn(end_of_time);
  EXPECT_TRUE(then.changed.empty());
  EXPECT_EQ(then.withdrawn, std::vector<std::uint64_t>{first.changed[0].first});
}

TEST_F(VisibilityTest, TheClockEndsASilenceWhenNothingComesAtAll) {
  put("111111111111", begin, begin + 10 * day_ms);
  turn(begin + 10 * day_ms);
  const TimeMs last = begin + 10 * day_ms - hour_ms;
  watch.tell_time(last + 30 * minute_ms);  // it is up to date
  watch.tell_time(last + 4 * hour_ms);
  EXPECT_TRUE(turn(begin + 10 * day_ms).changed.empty());  // two hours of it may still be on their way
  watch.tell_time(last + 5 * hour_ms);
  const auto out = turn(begin + 10 * day_ms);
  ASSERT_EQ(out.changed.size(), 1U);
  EXPECT_EQ(told(out.changed[0].second), "111111111111 ongoing=yes usual=60");
}

TEST_F(VisibilityTest, TheClockSaysNothingOfArchives) {
  put("111111111111", begin, begin + 10 * day_ms);
  turn(end_of_time);
  watch.tell_time(begin + 40 * day_ms);
  watch.tell_time(begin + 80 * day_ms);
  EXPECT_TRUE(turn(end_of_time).changed.empty());
}

TEST_F(VisibilityTest, ForgedFutureIsNoTime) {
  put("111111111111", begin, begin + 10 * day_ms);
  put("222222222222", begin, begin + 10 * day_ms);
  ObjectLedger ledger;
  ledger.key = "forged";
  ledger.kind = LogKind::cloudtrail;
  ledger.advance = begin + 10 * day_ms;
  PlaceMarks marks;
  marks.slots[{"222222222222", "us-east-1"}].add(begin + 400 * day_ms, 1);
  watch.add(ledger, "", "", std::move(marks));
  EXPECT_TRUE(turn(end_of_time).changed.empty());
}

TEST_F(VisibilityTest, SilenceThatComesAgainIsAHabit) {
  put("222222222222", begin, begin + 60 * day_ms);
  std::set<std::uint64_t> windows;
  for (int week = 0; week < 8; ++week)  // from the second week on silent for two days each
    put("111111111111", begin + week * 7 * day_ms, begin + week * 7 * day_ms + (week == 0 ? 7 : 5) * day_ms);
  for (const auto& [window, detection] : turn(end_of_time).changed) windows.insert(window);
  EXPECT_EQ(windows.size(), 3U);  // the first two, and the end
}

TEST_F(VisibilityTest, AFaultIsToldOnceHoweverOftenItComes) {
  Gap fault{.kind = GapKind::broken_digest, .account = "111111111111", .what = "log_modified", .object = "a"};
  watch.tell_fault(fault);
  EXPECT_EQ(turn(begin).raised.size(), 1U);
  watch.tell_fault(fault);
  EXPECT_TRUE(turn(begin).raised.empty());
  fault.object = "b";
  watch.tell_fault(fault);
  EXPECT_EQ(turn(begin).raised.size(), 1U);
}

TEST_F(VisibilityTest, EvictionNamesTheAccountThatHadMost) {
  put("111111111111", begin, begin + 3 * hour_ms);
  put("222222222222", begin, begin + 9 * hour_ms);
  watch.evicted("identities", 7);
  const auto out = turn(begin);
  ASSERT_EQ(out.changed.size(), 1U);
  EXPECT_EQ(told(out.changed[0].second), "222222222222 records=7 what=identities");
}

TEST_F(VisibilityTest, GoesOnFromWhatWasSaved) {
  put("111111111111", begin, begin + 10 * day_ms);
  put("222222222222", begin, begin + 10 * day_ms);
  turn(begin + 10 * day_ms);
  watch.tell_time(begin + 10 * day_ms);
  std::string bytes;
  Writer out(bytes);
  watch.save(out);
  Visibility other(detectors);
  Reader in(bytes);
  other.load(in);
  EXPECT_TRUE(in.at_end() && !in.failed());
  other.tell_time(begin + 11 * day_ms);
  std::array<TimeMs, log_kinds.size()> marks{}, lateness{};
  marks.fill(begin + 10 * day_ms);
  lateness.fill(hour_ms);
  EXPECT_EQ(other.turn(marks, lateness, facts).changed.size(), 2U);
}

}  // namespace
}  // namespace picket
