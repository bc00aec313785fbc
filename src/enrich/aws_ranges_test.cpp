#include "enrich/aws_ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace picket {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The layout of AWS's file with documentation addresses.
constexpr std::string_view sample = R"({
  "syncToken": "1763626387", "createDate": "2025-11-20-08-13-07",
  "prefixes": [
    {"ip_prefix": "192.0.2.0/24", "region": "eu-west-1", "service": "AMAZON", "network_border_group": "eu-west-1"},
    {"ip_prefix": "192.0.2.0/24", "region": "eu-west-1", "service": "EC2", "network_border_group": "eu-west-1"},
    {"ip_prefix": "192.0.2.128/28", "region": "eu-west-1", "service": "EC2_INSTANCE_CONNECT", "network_border_group": "eu-west-1"},
    {"ip_prefix": "198.51.100.0/24", "region": "GLOBAL", "service": "CLOUDFRONT", "network_border_group": "GLOBAL"},
    {"ip_prefix": "nonsense", "region": "GLOBAL", "service": "CLOUDFRONT", "network_border_group": "GLOBAL"}],
  "ipv6_prefixes": [
    {"ipv6_prefix": "2001:db8::/40", "region": "us-east-1", "service": "S3", "network_border_group": "us-east-1-atl-1"}]})";

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

TEST(AwsRanges, NothingIsKnownWithoutAFile) {
  const AwsRanges ranges;
  EXPECT_FALSE(ranges.loaded());
  EXPECT_EQ(ranges.find(ip("192.0.2.1")), nullptr);
}

TEST(AwsRanges, TellsRegionAndAllServices) {
  const auto ranges = AwsRanges::parse(sample);
  ASSERT_TRUE(ranges.has_value()) << ranges.error().message();
  EXPECT_TRUE(ranges->loaded());
  EXPECT_EQ(ranges->prefixes(), 5U);
  EXPECT_EQ(ranges->set_aside(), 1U);
  EXPECT_EQ(format_time_seconds(ranges->created().value()), "2025-11-20T08:13:07Z");
  const AwsNetwork* ec2 = ranges->find(ip("192.0.2.7"));
  ASSERT_NE(ec2, nullptr);
  EXPECT_EQ(ec2->region, "eu-west-1");
  EXPECT_THAT(ec2->services, ElementsAre("AMAZON", "EC2"));
  EXPECT_TRUE(ec2->has_service("EC2"));
  EXPECT_FALSE(ec2->has_service("S3"));
  EXPECT_THAT(ranges->find(ip("192.0.2.143"))->services,
              ElementsAre("AMAZON", "EC2", "EC2_INSTANCE_CONNECT"));
  EXPECT_THAT(ranges->find(ip("192.0.2.144"))->services, ElementsAre("AMAZON", "EC2"));
  EXPECT_EQ(ranges->find(ip("192.0.3.0")), nullptr);
  EXPECT_EQ(ranges->find(ip("198.51.100.255"))->region, "GLOBAL");
  EXPECT_EQ(ranges->find(ip("2001:db8:ff:ffff::1"))->border_group, "us-east-1-atl-1");
  EXPECT_EQ(ranges->find(ip("2001:db8:100::")), nullptr);
}

TEST(AwsRanges, OtherFilesAreRefused) {
  EXPECT_THAT(AwsRanges::parse("{").error().what, HasSubstr("not readable as AWS's ip-ranges.json"));
  EXPECT_THAT(AwsRanges::parse("{\"prefixes\": []}").error().what, HasSubstr("no usable prefix"));
  EXPECT_EQ(AwsRanges::load("/nonexistent/ip-ranges.json").error().where, "/nonexistent/ip-ranges.json");
}

}  // namespace
}  // namespace picket
