#include "enrich/range_map.h"

#include <gtest/gtest.h>

#include <random>

namespace picket {
namespace {

// The values of the prefixes that hold an address, as a number that names the set of them.
std::uint32_t bits_of(std::span<const std::uint32_t> values) {
  std::uint32_t bits = 0;
  for (const std::uint32_t value : values) bits |= std::uint32_t{1} << value;
  return bits;
}

std::uint32_t hosts_of(unsigned length) { return (std::uint32_t{1} << (32 - length)) - 1; }

IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value(); }

TEST(RangeMap, FindsBothEndsAndNothingBeside) {
  RangeMap map;
  map.add_v4(10, 20, 1);
  map.add_v4(21, 21, 2);
  map.add_v4(30, 40, 3);
  map.freeze();
  EXPECT_EQ(map.find_v4(9), RangeMap::none);
  EXPECT_EQ(map.find_v4(10), 1U);
  EXPECT_EQ(map.find_v4(20), 1U);
  EXPECT_EQ(map.find_v4(21), 2U);
  EXPECT_EQ(map.find_v4(22), RangeMap::none);
  EXPECT_EQ(map.find_v4(40), 3U);
  EXPECT_EQ(map.find_v4(41), RangeMap::none);
}

TEST(RangeMap, HoldsTheLowestAndHighestAddress) {
  RangeMap map;
  map.add_v4(0, 0, 1);
  map.add_v4(UINT32_MAX, UINT32_MAX, 2);
  map.add_v6(~Uint128{0}, ~Uint128{0}, 3);
  map.freeze();
  EXPECT_EQ(map.find_v4(0), 1U);
  EXPECT_EQ(map.find_v4(1), RangeMap::none);
  EXPECT_EQ(map.find_v4(UINT32_MAX), 2U);
  EXPECT_EQ(map.find_v6(~Uint128{0}), 3U);
  EXPECT_EQ(map.find_v6(0), RangeMap::none);
}

TEST(RangeMap, FlattenPutsTheMostSpecificFirst) {
  const std::vector<PrefixValue> prefixes = {{prefix("0.0.0.0/0"), 1},
                                             {prefix("192.0.2.0/24"), 2},
                                             {prefix("192.0.2.7"), 3},
                                             {prefix("192.0.2.7"), 4},
                                             {prefix("2001:db8::/32"), 5}};
  std::vector<std::vector<std::uint32_t>> seen;
  const RangeMap map = flatten(prefixes, [&](std::span<const std::uint32_t> values) {
    seen.emplace_back(values.begin(), values.end());
    return static_cast<std::uint32_t>(seen.size() - 1);
  });
  const auto values = [&](const char* ip) { return seen[map.find(IpAddress::parse(ip).value())]; };
  EXPECT_EQ(values("192.0.2.7"), (std::vector<std::uint32_t>{3, 4, 2, 1}));
  EXPECT_EQ(values("192.0.2.6"), (std::vector<std::uint32_t>{2, 1}));
  EXPECT_EQ(values("192.0.2.8"), (std::vector<std::uint32_t>{2, 1}));
  EXPECT_EQ(values("192.0.3.0"), (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(values("255.255.255.255"), (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(values("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"), (std::vector<std::uint32_t>{5}));
  EXPECT_EQ(map.find(IpAddress::parse("2001:db9::").value()), RangeMap::none);
}

// Random nested prefixes, few and many (below and above the size at which indexes are built), against a walk
// over all.
TEST(RangeMap, AgreesWithAWalkOverAllPrefixes) {
  for (const std::size_t count : {40U, 6000U}) {
    std::mt19937 engine(7);
    const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
    std::vector<PrefixValue> prefixes;
    for (std::size_t i = 0; i < count; ++i) {
      const unsigned length = 12 + random() % 21;
      const std::uint32_t network = 0x0a000000U | (random() & 0x00ffffffU & ~hosts_of(length));
      prefixes.push_back({{IpAddress::v4(network), length}, static_cast<std::uint32_t>(random() % 31)});
    }
    const RangeMap map = flatten(prefixes, bits_of);
    const V4Bitmap bitmap(map);
    EXPECT_EQ(bitmap.ready(), count == 6000U);
    for (int i = 0; i < 4000; ++i) {
      // Half at random, half at and beside the edges, where mistakes live.
      std::uint32_t ip = 0x0a000000U | (random() & 0x01ffffffU);
      if (i % 2 == 1) {
        const IpPrefix& edge = prefixes[random() % prefixes.size()].prefix;
        ip = edge.address.v4_value() + (i % 4 == 1 ? 0U : hosts_of(edge.length));
        ip += random() % 3 - 1;
      }
      std::uint32_t expected = 0;
      for (const auto& [p, value] : prefixes) {
        if (p.contains(IpAddress::v4(ip))) expected |= std::uint32_t{1} << value;
      }
      ASSERT_EQ(map.find_v4(ip), expected == 0 ? RangeMap::none : expected) << IpAddress::v4(ip).to_string();
      if (bitmap.ready()) {
        ASSERT_EQ(bitmap.contains(ip), expected != 0) << IpAddress::v4(ip).to_string();
      }
    }
  }
}

}  // namespace
}  // namespace picket
