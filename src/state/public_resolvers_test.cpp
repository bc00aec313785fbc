#include "state/public_resolvers.h"

#include <gtest/gtest.h>

namespace picket {

namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

TEST(PublicResolvers, AreFoundByAddress) {
  const PublicResolver* google = public_resolver(ip("8.8.4.4"));
  ASSERT_NE(google, nullptr);
  EXPECT_EQ(google->provider, "Google Public DNS");
  EXPECT_EQ(google->server_name, "dns.google");
  EXPECT_EQ(public_resolver(ip("198.51.100.1")), nullptr);
  ASSERT_NE(public_resolver(ip("2606:4700:4700::1111")), nullptr);
}

TEST(PublicResolvers, TellWhoServesHttps) {
  EXPECT_TRUE(serves_dns_over_https(ip("9.9.9.9")));
  EXPECT_TRUE(serves_dns_over_https(ip("2001:4860:4860::8888")));
  EXPECT_FALSE(serves_dns_over_https(ip("4.2.2.2")));
  std::size_t passed = 0;
  for (std::uint32_t i = 0; i < 10'000; ++i)
    passed += serves_dns_over_https(IpAddress::v4(0xc6336400U + i * 7919));
  EXPECT_EQ(passed, 0U);
}

}  // namespace

}  // namespace picket
