#include "base/ip.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(IpAddress, ParsesAndFormats) {
  EXPECT_EQ(IpAddress::parse("198.51.100.7")->to_string(), "198.51.100.7");
  EXPECT_EQ(IpAddress::parse("2001:DB8:0::1")->to_string(), "2001:db8::1");
  EXPECT_EQ(IpAddress::parse("198.51.100.7")->v4_value(), 0xc6336407U);
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ",
                           "config.amazonaws.com", "AWS Internal", ":::", "1.2.3.0004"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpAddress, KnowsWhatIsPublic) {
  for (const char* text : {"8.8.8.8", "198.51.100.7", "2600:1f18::1", "172.32.0.1", "100.128.0.1"}) {
    EXPECT_TRUE(IpAddress::parse(text)->is_public()) << text;
  }
  for (const char* text :
       {"10.1.2.3", "172.31.255.255", "192.168.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "fd00:ec2::254", "fe80::1", "ff02::1"}) {
    EXPECT_FALSE(IpAddress::parse(text)->is_public()) << text;
  }
}

TEST(IpPrefix, ContainsItsRangeOnly) {
  const auto v4 = IpPrefix::parse("10.20.16.7/20");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->to_string(), "10.20.16.0/20");
  EXPECT_TRUE(v4->contains(*IpAddress::parse("10.20.31.255")));
  EXPECT_FALSE(v4->contains(*IpAddress::parse("10.20.32.0")));
  const auto v6 = IpPrefix::parse("2001:db8::/33");
  EXPECT_TRUE(v6->contains(*IpAddress::parse("2001:db8:7fff::1")));
  EXPECT_FALSE(v6->contains(*IpAddress::parse("2001:db8:8000::1")));
  EXPECT_TRUE(IpPrefix::parse("0.0.0.0/0")->contains(*IpAddress::parse("9.9.9.9")));
  EXPECT_FALSE(IpPrefix::parse("0.0.0.0/0")->contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_EQ(IpPrefix::parse("::ffff:192.0.2.7/120")->to_string(), "192.0.2.0/24");
  EXPECT_TRUE(IpPrefix::parse("::ffff:192.0.2.7")->contains(*IpAddress::parse("192.0.2.7")));
  EXPECT_FALSE(IpPrefix::parse("10.0.0.0/33"));
}

}  // namespace
}  // namespace picket
