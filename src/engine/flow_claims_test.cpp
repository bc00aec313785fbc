#include "engine/flow_claims.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

FlowRecord flow(std::string_view interface, std::int64_t start) {
  FlowRecord record;
  record.interface_id = interface;
  record.start = start;
  return record;
}

TEST(FlowLogId, IsReadFromTheKey) {
  EXPECT_EQ(flow_log_id("AWSLogs/1/vpcflowlogs/eu-west-1/2026/09/14/"
                        "1_vpcflowlogs_eu-west-1_fl-0a1b2c3d4e5f60718_20260914T0000Z_ab.log.gz"),
            "fl-0a1b2c3d4e5f60718");
  EXPECT_EQ(flow_log_id("traffic.log.gz"), "");
  EXPECT_EQ(flow_log_id("fl-x/traffic.log.gz"), "");
}

TEST(FlowClaims, OneFlowLogCountsPerInterfaceAndMinute) {
  FlowClaims claims;
  claims.note("1", "r", "fl-bbbbbbbb");
  EXPECT_FALSE(claims.overlaps("1", "r"));
  claims.note("1", "r", "fl-aaaaaaaa");
  EXPECT_TRUE(claims.overlaps("1", "r"));
  EXPECT_FALSE(claims.overlaps("1", "other"));

  MinuteCollector a, b;
  a.on_flows(std::vector{flow("eni-1", 60)});
  b.on_flows(std::vector{flow("eni-1", 119), flow("eni-1", 120), flow("eni-2", 60)});
  claims.claim("fl-bbbbbbbb", b);
  claims.claim("fl-aaaaaaaa", a);
  claims.settle();
  // The least id has the minute both tell of; what only one tells of is its own.
  EXPECT_TRUE(claims.owns("fl-aaaaaaaa", MinuteKey::of(flow("eni-1", 100))));
  EXPECT_FALSE(claims.owns("fl-bbbbbbbb", MinuteKey::of(flow("eni-1", 100))));
  EXPECT_TRUE(claims.owns("fl-bbbbbbbb", MinuteKey::of(flow("eni-1", 120))));
  EXPECT_TRUE(claims.owns("fl-bbbbbbbb", MinuteKey::of(flow("eni-2", 60))));

  // A claim of an earlier epoch stands against a lesser id.
  MinuteCollector late;
  late.on_flows(std::vector{flow("eni-2", 70)});
  claims.claim("fl-aaaaaaaa", late);
  claims.settle();
  EXPECT_FALSE(claims.owns("fl-aaaaaaaa", MinuteKey::of(flow("eni-2", 70))));

  std::string bytes;
  Writer out(bytes);
  claims.save(out);
  FlowClaims copy;
  Reader in(bytes);
  copy.load(in);
  EXPECT_FALSE(in.failed());
  EXPECT_TRUE(copy.overlaps("1", "r"));
  EXPECT_FALSE(copy.owns("fl-bbbbbbbb", MinuteKey::of(flow("eni-1", 100))));
  copy.forget(2 * minute_ms);
  EXPECT_TRUE(copy.owns("fl-bbbbbbbb", MinuteKey::of(flow("eni-1", 100))));
}

}  // namespace
}  // namespace picket
