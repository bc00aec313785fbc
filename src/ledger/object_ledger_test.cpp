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

}  // namespace
}  // namespace picket
