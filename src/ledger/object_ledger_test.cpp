#include "ledger/object_ledger.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(TimeSampler, ForgedFutureDoesNotAdvance) {
  TimeSampler times;
  for (int i = 0; i < 10000; ++i) times.add(1'000'000 + i * second_ms);
  const TimeMs honest = times.last();
  EXPECT_EQ(times.advance(), honest);
  times.add(honest + 365 * day_ms);
  EXPECT_LE(times.advance(), honest);
  EXPECT_GE(times.advance(), honest - 2 * hour_ms);
  EXPECT_EQ(times.last(), honest + 365 * day_ms);
}

TEST(LedgerTotals, SumsByKindAndCountsSkips) {
  LedgerTotals totals;
  ObjectLedger object;
  object.kind = LogKind::dns;
  object.records_read = 10;
  object.processed = 7;
  object.quarantined = 2;
  object.filtered = 1;
  object.first = 5;
  object.last = 9;
  object.quarantine_reasons["bad_json"] = 2;
  EXPECT_TRUE(object.balanced());
  totals.add(object);
  object.first = 3;
  object.state = ObjectState::failed;
  object.key = "a";
  object.reason = "truncated";
  totals.add(object);
  ObjectLedger skipped;
  skipped.state = ObjectState::skipped;
  skipped.reason = "csv";
  totals.add(skipped);
  const KindTotals& dns = totals.kinds[static_cast<std::size_t>(LogKind::dns)];
  EXPECT_EQ(dns.objects, 2U);
  EXPECT_EQ(dns.records_read, 20U);
  EXPECT_EQ(dns.first, 3);
  EXPECT_EQ(dns.quarantine_reasons.at("bad_json"), 4U);
  EXPECT_EQ(totals.failed(), 1U);
  EXPECT_EQ(totals.skipped, 1U);
  EXPECT_EQ(totals.failures.at("a"), "truncated");
}

TEST(LedgerTotals, TakesBackWhatIsReadAgain) {
  LedgerTotals totals;
  ObjectLedger object;
  object.key = "a";
  object.kind = LogKind::cloudtrail;
  object.state = ObjectState::failed;
  object.reason = "truncated";
  object.records_read = 10;
  object.processed = 8;
  object.quarantined = 2;
  object.quarantine_reasons["bad_json"] = 2;
  totals.add(object);
  ObjectLedger again = object;
  again.state = ObjectState::read;
  again.records_read = again.processed = 5;  // the two, and three behind them
  again.quarantined = 0;
  again.quarantine_reasons.clear();
  totals.take_back(object);
  totals.add(again);
  const KindTotals& trail = totals.kinds[static_cast<std::size_t>(LogKind::cloudtrail)];
  EXPECT_EQ(trail.objects, 1U);
  EXPECT_EQ(trail.records_read, 13U);
  EXPECT_EQ(trail.processed, 13U);
  EXPECT_EQ(trail.quarantined, 0U);
  EXPECT_TRUE(trail.quarantine_reasons.empty());
  EXPECT_EQ(totals.failed(), 0U);
  EXPECT_TRUE(totals.failures.empty());
}

TEST(Positions, AreRangesAndKnowWhatIsInThem) {
  Positions positions;
  for (const std::uint64_t position : {3, 4, 5, 9, 9, 11}) positions.add(position);
  EXPECT_EQ(positions.count(), 5U);
  for (const std::uint64_t in : {3, 4, 5, 9, 11}) EXPECT_TRUE(positions.contains(in)) << in;
  for (const std::uint64_t out : {2, 6, 8, 10, 12}) EXPECT_FALSE(positions.contains(out)) << out;
  EXPECT_TRUE(positions.complete());
  for (std::uint64_t i = 0; i <= Positions::ranges_max; ++i) positions.add(20 + 2 * i);
  EXPECT_FALSE(positions.complete());
}

}  // namespace
}  // namespace picket
