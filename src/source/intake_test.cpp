#include "source/intake.h"

#include <gmock/gmock.h>

#include "base/gzip.h"

namespace picket {
namespace {

constexpr std::string_view trail =
    R"({"eventVersion":"1.08","eventSource":"iam.amazonaws.com","eventName":"CreateUser","userIdentity":{}})";
constexpr std::string_view flow =
    "2 123456789012 eni-0a1b2c3d4e5f60718 10.0.0.5 203.0.113.9 44321 443 6 10 840 1757840000 1757840060 "
    "ACCEPT OK";

std::string subscription(std::string_view group, std::string_view message,
                         std::string_view type = "DATA_MESSAGE") {
  return R"({"messageType":")" + std::string(type) + R"(","owner":"777788889999","logGroup":")" +
         std::string(group) +
         R"(","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1757840000000,"message":")" +
         std::string(message) + R"("}]})";
}

TEST(Intake, PutsRecordsOfAKindTogether) {
  Intake intake({.account = "111122223333", .region = "eu-west-1"});
  intake.add(trail);
  intake.add(std::string(flow) + "\n");
  intake.add(trail);
  EXPECT_EQ(intake.records(), 3U);
  const auto parts = intake.finish();
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].origin.kind, LogKind::cloudtrail);
  EXPECT_EQ(parts[0].content, std::string(trail) + "\n" + std::string(trail) + "\n");
  EXPECT_EQ(parts[1].origin.kind, LogKind::vpcflow);
  EXPECT_EQ(parts[1].origin.account, "111122223333");
  EXPECT_EQ(parts[1].content, std::string(flow) + "\n");
  EXPECT_TRUE(intake.empty());
}

TEST(Intake, KnowsSubscriptions) {
  Intake intake({.account = "111122223333"});
  intake.add(gzip(subscription("flows", flow)));
  intake.add(gzip(subscription("flows", "checking health", "CONTROL_MESSAGE")));
  intake.add(gzip(subscription("/aws/eks/parcel/cluster", "I0914 authenticator started")));
  EXPECT_EQ(intake.control_messages(), 1U);
  EXPECT_EQ(intake.records(), 2U);
  const auto parts = intake.finish();
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].origin.kind, LogKind::vpcflow);
  EXPECT_EQ(parts[0].origin.account, "777788889999") << "whose log it is, the sender knows best";
  EXPECT_EQ(parts[1].origin.kind, LogKind::k8saudit);
  EXPECT_EQ(parts[1].origin.cluster, "parcel");
}

TEST(Intake, UnwrapsMessages) {
  Intake intake({});
  intake.add(R"({"message":")" + std::string(flow) + "\"}");
  const auto parts = intake.finish();
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].content, std::string(flow) + "\n");
}

TEST(Intake, SetsAsideWhatIsNoRecord) {
  Intake intake({});
  intake.add(trail);
  intake.add("");
  intake.add("\x1f\x8b broken");
  intake.add(R"({"a": )");
  intake.add(R"({"a": 1})");
  intake.add(gzip(std::string(Intake::record_inflated_max + 1, ' ')));
  intake.refuse("tombstone", "");
  EXPECT_EQ(intake.records(), 7U);
  const auto parts = intake.finish();
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_FALSE(parts[0].refused);
  EXPECT_TRUE(parts[1].refused);
  EXPECT_EQ(parts[1].origin.kind, LogKind::cloudtrail);
  EXPECT_THAT(parts[1].content,
              testing::StartsWith("empty_record \nbad_compression H4sgYnJva2Vu\nbad_json "));
  EXPECT_THAT(parts[1].content, testing::ContainsRegex("\nnot_a_log eyJhIjogMX0=\nrecord_too_large "));
  EXPECT_THAT(parts[1].content, testing::EndsWith("\ntombstone \n"));
}

TEST(Intake, TakesTheConfiguredKindForWhatIsUnclear) {
  Intake intake({.kind = LogKind::vpcflow, .flow_format = "srcaddr dstaddr bytes"});
  intake.add("10.0.0.1 10.0.0.2 17");
  const auto parts = intake.finish();
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_FALSE(parts[0].refused);
  EXPECT_EQ(parts[0].origin.kind, LogKind::vpcflow);
}

}  // namespace
}  // namespace picket
