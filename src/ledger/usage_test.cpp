#include "ledger/usage.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

ObjectLedger object(LogKind kind, std::uint64_t records, std::uint64_t bytes) {
  ObjectLedger out;
  out.kind = kind;
  out.records_read = out.processed = records;
  out.bytes_decoded = bytes;
  out.first = 1000;
  out.last = 2000;
  return out;
}

TEST(Usage, SumsByWhoseAndWhat) {
  Usage usage;
  usage.add(object(LogKind::vpcflow, 10, 1000), "111122223333", "eu-west-1", "fl-1");
  usage.add(object(LogKind::vpcflow, 5, 500), "111122223333", "eu-west-1", "fl-1");
  usage.add(object(LogKind::dns, 1, 100), "111122223333", "eu-west-1", "vpc-1");
  ASSERT_EQ(usage.rows().size(), 2U);
  const UsageVolume& flows = usage.rows().begin()->second;
  EXPECT_EQ(flows.records, 15U);
  EXPECT_EQ(flows.bytes, 1500U);
}

TEST(Usage, AnObjectOfSeveralAccountsIsShared) {
  Usage usage;
  ObjectLedger mixed = object(LogKind::cloudtrail, 8, 800);
  mixed.processed = 6;
  mixed.duplicate = 2;
  mixed.shares[{"111122223333", "eu-west-1"}] = {6, 2};
  mixed.shares[{"444455556666", "eu-west-1"}] = {2, 0};
  usage.add(mixed, "", "", "trail");
  const auto at = [&](const char* account, UsageFeature feature) {
    return usage.rows().at({account, "eu-west-1", feature, "trail"});
  };
  EXPECT_EQ(at("111122223333", UsageFeature::cloud_trail).records, 4U);
  EXPECT_EQ(at("111122223333", UsageFeature::cloud_trail).bytes, 400U);
  EXPECT_EQ(at("111122223333", UsageFeature::s3_data_events).bytes, 200U);
  EXPECT_EQ(at("444455556666", UsageFeature::cloud_trail).bytes, 200U);
}

TEST(Usage, ResourcesBeyondTheLimitAreSummedUp) {
  Usage usage;
  for (std::size_t i = 0; i < Usage::rows_max + 10; ++i)
    usage.add(object(LogKind::dns, 1, 1), "111122223333", "eu-west-1", std::to_string(i));
  EXPECT_EQ(usage.rows().size(), Usage::rows_max + 1);
  EXPECT_EQ(usage.rows()
                .at({"111122223333", "eu-west-1", UsageFeature::dns_logs, std::string(Usage::rest)})
                .records,
            10U);
}

TEST(Usage, ResourceIsTheFolderWithoutItsDate) {
  EXPECT_EQ(usage_resource("AWSLogs/1/CloudTrail/eu-west-1/2026/09/14/a.json.gz", "", ""),
            "AWSLogs/1/CloudTrail/eu-west-1");
  EXPECT_EQ(usage_resource("a.json", "", ""), "");
  EXPECT_EQ(usage_resource("x/2026/09/14/a", "prod", ""), "prod");
  EXPECT_EQ(usage_resource("x/2026/09/14/a", "", "fl-0"), "fl-0");
}

}  // namespace
}  // namespace picket
