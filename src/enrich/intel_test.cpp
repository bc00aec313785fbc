#include "enrich/intel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace picket {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::string> show(std::span<const IntelHit> hits) {
  std::vector<std::string> out;
  for (const IntelHit& hit : hits) out.push_back(hit.indicator->list + " " + std::string(hit.entry));
  return out;
}

struct IntelTest : testing::Test {
  IntelBuilder builder;
  IntelBuilder::IndicatorId list(const std::string& name, bool trusted = false) {
    return builder.describe({.category = IntelCategory::c2, .trusted = trusted, .list = name});
  }
  std::optional<std::string_view> address(const char* text, IntelBuilder::IndicatorId id) {
    return builder.add_address(IpPrefix::parse(text).value(), id);
  }
  static IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
};

TEST_F(IntelTest, AnEmptyIndexMatchesNothing) {
  const auto index = builder.build();
  EXPECT_THAT(index->match(ip("192.0.2.1")), IsEmpty());
  EXPECT_THAT(index->match(ip("2001:db8::1")), IsEmpty());
  EXPECT_THAT(index->match_domain("example.com"), IsEmpty());
  EXPECT_THAT(index->match_sha256(std::string(64, 'a')), IsEmpty());
  EXPECT_FALSE(index->is_trusted(ip("192.0.2.1")));
}

TEST_F(IntelTest, OneAddressInSeveralListsIsReportedForEach) {
  const auto a = list("a"), b = list("b");
  EXPECT_EQ(address("192.0.2.0/24", a), std::nullopt);
  EXPECT_EQ(address("192.0.2.7", b), std::nullopt);
  EXPECT_EQ(address("192.0.2.7", a), std::nullopt);
  EXPECT_EQ(address("2001:db8::/32", b), std::nullopt);
  const auto index = builder.build();
  EXPECT_THAT(show(index->match(ip("192.0.2.7"))), ElementsAre("a 192.0.2.7", "b 192.0.2.7"));
  EXPECT_THAT(show(index->match(ip("192.0.2.8"))), ElementsAre("a 192.0.2.0/24"));
  EXPECT_THAT(show(index->match(ip("192.0.3.0"))), IsEmpty());
  EXPECT_THAT(show(index->match(ip("2001:db8::1"))), ElementsAre("b 2001:db8::/32"));
  EXPECT_EQ(index->counts().addresses, 4U);
}

TEST_F(IntelTest, MappedAddressesAreIpv4) {
  EXPECT_EQ(address("::ffff:192.0.2.0/120", list("a")), std::nullopt);
  const auto index = builder.build();
  EXPECT_THAT(show(index->match(ip("192.0.2.255"))), ElementsAre("a 192.0.2.0/24"));
  EXPECT_THAT(show(index->match(ip("192.0.3.0"))), IsEmpty());
}

TEST_F(IntelTest, RefusesRangesTooWide) {
  const auto a = list("a");
  EXPECT_EQ(address("192.0.0.0/8", a), std::nullopt);
  EXPECT_EQ(address("192.0.0.0/7", a), "address range too wide");
  EXPECT_EQ(address("0.0.0.0/0", a), "address range too wide");
  EXPECT_EQ(address("2001::/16", a), std::nullopt);
  EXPECT_EQ(address("2000::/15", a), "address range too wide");
}

TEST_F(IntelTest, TrustBeatsThreat) {
  EXPECT_EQ(address("192.0.2.0/24", list("threat")), std::nullopt);
  EXPECT_EQ(address("192.0.2.128/25", list("mine", true)), std::nullopt);
  builder.add_domain("bad.example.com", DomainMatch::subdomains, list("threat"));
  builder.add_domain("example.com", DomainMatch::subdomains, list("mine", true));
  const auto index = builder.build();
  EXPECT_THAT(show(index->match(ip("192.0.2.127"))), ElementsAre("threat 192.0.2.0/24"));
  EXPECT_THAT(show(index->match(ip("192.0.2.128"))), IsEmpty());
  EXPECT_TRUE(index->is_trusted(ip("192.0.2.128")));
  EXPECT_FALSE(index->is_trusted(ip("192.0.2.127")));
  EXPECT_THAT(show(index->trusted_by(ip("192.0.2.200"))), ElementsAre("mine 192.0.2.128/25"));
  EXPECT_THAT(show(index->silenced(ip("192.0.2.200"))), ElementsAre("threat 192.0.2.0/24"));
  EXPECT_THAT(show(index->silenced(ip("192.0.2.1"))), IsEmpty());
  EXPECT_THAT(show(index->match_domain("bad.example.com")), IsEmpty());
  EXPECT_THAT(show(index->silenced_domain("bad.example.com")), ElementsAre("threat bad.example.com"));
}

TEST_F(IntelTest, DomainsMatchAsTheListAsks) {
  builder.add_domain("Exact.Example.com.", DomainMatch::exact, list("exact"));
  builder.add_domain("below.example.net", DomainMatch::subdomains, list("tree"));
  builder.add_domain("*.star.example.org", DomainMatch::exact, list("star"));
  const auto index = builder.build();
  EXPECT_THAT(show(index->match_domain("exact.example.com")), ElementsAre("exact exact.example.com"));
  EXPECT_THAT(show(index->match_domain("EXACT.example.COM.")), ElementsAre("exact exact.example.com"));
  EXPECT_THAT(show(index->match_domain("www.exact.example.com")), IsEmpty());
  EXPECT_THAT(show(index->match_domain("notexact.example.com")), IsEmpty());
  EXPECT_THAT(show(index->match_domain("below.example.net")), ElementsAre("tree below.example.net"));
  EXPECT_THAT(show(index->match_domain("a.b.below.example.net")), ElementsAre("tree below.example.net"));
  EXPECT_THAT(show(index->match_domain("xbelow.example.net")), IsEmpty());
  EXPECT_THAT(show(index->match_domain("example.net")), IsEmpty());
  EXPECT_THAT(show(index->match_domain("star.example.org")), IsEmpty());
  EXPECT_THAT(show(index->match_domain("a.star.example.org")), ElementsAre("star *.star.example.org"));
}

TEST_F(IntelTest, WiderNamesAreReportedAfterTheOwn) {
  builder.add_domain("evil.com", DomainMatch::subdomains, list("wide"));
  builder.add_domain("*.evil.com", DomainMatch::exact, list("star"));
  builder.add_domain("evil.com", DomainMatch::exact, list("apex"));
  builder.add_domain("a.b.evil.com", DomainMatch::exact, list("own"));
  const auto index = builder.build();
  EXPECT_THAT(show(index->match_domain("evil.com")), ElementsAre("wide evil.com", "apex evil.com"));
  EXPECT_THAT(show(index->match_domain("b.evil.com")), ElementsAre("star *.evil.com", "wide evil.com"));
  EXPECT_THAT(show(index->match_domain("a.b.evil.com")),
              ElementsAre("star *.evil.com", "wide evil.com", "own a.b.evil.com"));
  EXPECT_THAT(show(index->match_domain("x.a.b.evil.com")), ElementsAre("star *.evil.com", "wide evil.com"));
}

TEST_F(IntelTest, SharedSuffixesNeverMatchDownwards) {
  const auto a = list("a");
  for (const char* suffix : {"github.io", "duckdns.org", "co.uk", "ddns.net", "cloudfront.net"}) {
    EXPECT_EQ(builder.add_domain(suffix, DomainMatch::subdomains, a), std::nullopt) << suffix;
    EXPECT_NE(builder.add_domain(std::string("*.") + suffix, DomainMatch::subdomains, a), std::nullopt)
        << suffix;
  }
  EXPECT_EQ(builder.add_domain("evil.duckdns.org", DomainMatch::subdomains, a), std::nullopt);
  const auto index = builder.build();
  EXPECT_THAT(show(index->match_domain("github.io")), ElementsAre("a github.io"));
  EXPECT_THAT(show(index->match_domain("someone.github.io")), IsEmpty());
  EXPECT_THAT(show(index->match_domain("other.duckdns.org")), IsEmpty());
  EXPECT_THAT(show(index->match_domain("x.evil.duckdns.org")), ElementsAre("a evil.duckdns.org"));
}

TEST_F(IntelTest, RefusesWhatIsNoName) {
  const auto a = list("a");
  for (const char* name :
       {"", ".", "localhost", "a..b.com", "1.2.3.4", "1.2.3.400", "exa mple.com", "b\xc3\xbc.de", "*"}) {
    EXPECT_EQ(builder.add_domain(name, DomainMatch::exact, a), "not a domain name") << name;
  }
  EXPECT_EQ(builder.add_domain(std::string(63, 'a') + ".com", DomainMatch::exact, a), std::nullopt);
  EXPECT_NE(builder.add_domain(std::string(64, 'a') + ".com", DomainMatch::exact, a), std::nullopt);
}

TEST_F(IntelTest, HashesMatchInAnyCase) {
  const std::string hash = std::string(60, '0') + "beef";
  EXPECT_EQ(builder.add_sha256(hash, list("a")), std::nullopt);
  EXPECT_EQ(builder.add_sha256(hash, list("b")), std::nullopt);
  EXPECT_EQ(builder.add_sha256("beef", list("a")), "not a SHA-256 hash");
  EXPECT_EQ(builder.add_sha256(std::string(63, '0') + "1", list("mine", true)), std::nullopt);
  EXPECT_EQ(builder.add_sha256(std::string(63, '0') + "1", list("a")), std::nullopt);
  const auto index = builder.build();
  EXPECT_THAT(show(index->match_sha256(std::string(60, '0') + "BEEF")),
              ElementsAre("a " + hash, "b " + hash));
  EXPECT_THAT(show(index->match_sha256(std::string(64, '0'))), IsEmpty());
  EXPECT_THAT(show(index->match_sha256(std::string(63, '0') + "1")), IsEmpty());
}

TEST_F(IntelTest, KeepsAtMostSixteenHitsOfARange) {
  for (int i = 0; i < 20; ++i) address("192.0.2.1", list("list" + std::to_string(i)));
  const auto index = builder.build();
  EXPECT_EQ(index->match(ip("192.0.2.1")).size(), hits_per_range_max);
}

// A list that repeats itself must not hide another, nor cost the square of its length.
TEST_F(IntelTest, RepeatedLinesCountOnce) {
  for (int i = 0; i < 100000; ++i) address("10.0.0.0/8", list("noisy"));
  for (std::uint32_t i = 0; i < 100000; ++i)
    builder.add_address({IpAddress::v4(0x0a000000U + i * 2), 32}, list("noisy"));
  address("10.0.0.0/8", list("other"));
  const auto index = builder.build();
  EXPECT_EQ(index->counts().addresses, 100002U);
  EXPECT_THAT(show(index->match(ip("10.0.0.2"))), ElementsAre("noisy 10.0.0.2", "other 10.0.0.0/8"));
  EXPECT_THAT(show(index->match(ip("10.0.0.3"))), ElementsAre("noisy 10.0.0.0/8", "other 10.0.0.0/8"));
}

// Enough addresses that the bitmap answers instead of the search.
TEST_F(IntelTest, LargeSetsAnswerLikeSmallOnes) {
  const auto a = list("a");
  for (std::uint32_t i = 0; i < 4000; ++i) builder.add_address({IpAddress::v4(0xc0000000U + i * 3), 32}, a);
  const auto index = builder.build();
  for (std::uint32_t i = 0; i < 12000; ++i) {
    ASSERT_EQ(index->match_v4(0xc0000000U + i).size(), i % 3 == 0 ? 1U : 0U) << i;
    ASSERT_EQ(index->listed_v4(0xc0000000U + i), i % 3 == 0) << i;
  }
}

TEST_F(IntelTest, ListsWithAnOwnerHoldForTheirPlaceOnly) {
  const auto scope = std::make_shared<const IntelScope>(
      IntelScope{"111122223333", "eu-west-1", std::vector<std::string>{"111122223333", "444455556666"}});
  const auto everywhere =
      std::make_shared<const IntelScope>(IntelScope{"999900001111", "us-east-1", std::nullopt});
  const auto owned = builder.describe({.list = "owned"}, scope);
  const auto wide = builder.describe({.list = "wide"}, everywhere);
  const auto trust = builder.describe({.trusted = true, .list = "trust"}, scope);
  for (const auto id : {list("public"), owned, wide}) address("192.0.2.7", id);
  address("192.0.2.8", owned);
  address("2001:db8::8", owned);
  address("192.0.2.9", list("public"));
  address("192.0.2.9", trust);
  builder.add_domain("evil.example.com", DomainMatch::exact, owned);
  builder.add_domain("good.example.com", DomainMatch::exact, list("public"));
  builder.add_domain("good.example.com", DomainMatch::exact, trust);
  const auto index = builder.build();
  std::vector<IntelHit> room;
  const auto lists = [&](const char* address, const char* account, const char* region) {
    std::vector<std::string> out;
    for (const IntelHit& hit : index->match(ip(address), {account, region}, room))
      out.push_back(hit.indicator->list);
    return out;
  };
  EXPECT_THAT(lists("192.0.2.7", "111122223333", "eu-west-1"), UnorderedElementsAre("public", "owned"));
  EXPECT_THAT(lists("192.0.2.7", "444455556666", "eu-west-1"), UnorderedElementsAre("public", "owned"));
  EXPECT_THAT(lists("192.0.2.7", "777788889999", "eu-west-1"), ElementsAre("public"));
  EXPECT_THAT(lists("192.0.2.7", "777788889999", "us-east-1"), UnorderedElementsAre("public", "wide"));
  EXPECT_THAT(lists("192.0.2.8", "111122223333", "us-east-1"), IsEmpty());
  EXPECT_THAT(lists("192.0.2.8", "", ""), IsEmpty());
  EXPECT_THAT(lists("2001:db8::8", "444455556666", "eu-west-1"), ElementsAre("owned"));
  EXPECT_THAT(lists("2001:db8::8", "777788889999", "eu-west-1"), IsEmpty());
  // Trust holds for its own place too, and only there.
  EXPECT_THAT(lists("192.0.2.9", "111122223333", "eu-west-1"), IsEmpty());
  EXPECT_THAT(lists("192.0.2.9", "777788889999", "eu-west-1"), ElementsAre("public"));
  EXPECT_TRUE(index->is_trusted(ip("192.0.2.9"), {"444455556666", "eu-west-1"}));
  EXPECT_FALSE(index->is_trusted(ip("192.0.2.9"), {"444455556666", "us-east-1"}));
  EXPECT_EQ(index->match_domain("evil.example.com", {"111122223333", "eu-west-1"}, room).size(), 1U);
  EXPECT_THAT(index->match_domain("evil.example.com", {"777788889999", "eu-west-1"}, room), IsEmpty());
  EXPECT_THAT(index->match_domain("good.example.com", {"111122223333", "eu-west-1"}, room), IsEmpty());
  EXPECT_EQ(index->match_domain("good.example.com", {"777788889999", "eu-west-1"}, room).size(), 1U);
}

// One account that lists an address many times leaves room for the others.
TEST_F(IntelTest, TheCapOfHitsIsEachOwnersOwn) {
  for (int i = 0; i < 40; ++i) address("192.0.2.7", list("noisy " + std::to_string(i)));
  const auto scope =
      std::make_shared<const IntelScope>(IntelScope{"111122223333", "eu-west-1", std::nullopt});
  address("192.0.2.7", builder.describe({.list = "owned"}, scope));
  const auto index = builder.build();
  std::vector<IntelHit> room;
  const auto hits = index->match(ip("192.0.2.7"), {"444455556666", "eu-west-1"}, room);
  EXPECT_EQ(hits.size(), hits_per_range_max + 1);
  EXPECT_EQ(hits.back().indicator->list, "owned");
}

TEST(IntelCategory, NamesReadBack) {
  for (unsigned i = 0; i <= static_cast<unsigned>(intel_category_last); ++i) {
    const auto category = static_cast<IntelCategory>(i);
    EXPECT_EQ(parse_intel_category(to_string(category)), category);
  }
  EXPECT_EQ(parse_intel_category("C2"), std::nullopt);
}

TEST(Intel, OwnDomainsRaiseNothingAndAreImitated) {
  IntelBuilder builder;
  const auto own = builder.describe({.category = IntelCategory::own_domain, .list = "our domains"});
  ASSERT_FALSE(builder.add_domain("ExampleCorp.com", DomainMatch::subdomains, own).has_value());
  const auto index = builder.build();
  EXPECT_TRUE(index->match_domain("www.examplecorp.com").empty());
  EXPECT_EQ(index->counts().domains, 0U);
  const auto found = index->look_alikes().of("examplecrop.com");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->imitated, "examplecorp.com");
}

TEST(Intel, WhatOnlyDescribesRaisesNothingAndIsNoted) {
  IntelBuilder builder;
  const auto listed = builder.describe({.category = IntelCategory::c2, .list = "c2"});
  const auto shared = builder.describe({.category = IntelCategory::shared, .list = "cdn"});
  const auto scanner = builder.describe({.category = IntelCategory::scanner, .list = "scanners"});
  const auto add = [&](const char* prefix, IntelBuilder::IndicatorId id) {
    ASSERT_FALSE(builder.add_address(IpPrefix::parse(prefix).value(), id).has_value());
  };
  add("192.0.2.0/24", shared);
  add("192.0.2.7", listed);
  add("198.51.100.7", listed);
  add("203.0.113.7", listed);
  add("203.0.113.0/24", scanner);
  const auto index = builder.build();
  const auto ip = [](const char* text) { return IpAddress::parse(text).value(); };
  EXPECT_TRUE(index->match(ip("192.0.2.8")).empty());
  EXPECT_FALSE(index->listed_v4(ip("192.0.2.8").v4_value()));
  ASSERT_EQ(index->described(ip("192.0.2.8")).size(), 1U);
  ASSERT_EQ(index->match(ip("192.0.2.7")).size(), 1U);
  EXPECT_TRUE(index->match(ip("192.0.2.7"))[0].shared);
  EXPECT_FALSE(index->match(ip("198.51.100.7"))[0].shared);
  ASSERT_EQ(index->match(ip("203.0.113.7")).size(), 2U);
  EXPECT_TRUE(index->match(ip("203.0.113.7"))[0].scanner);
  EXPECT_EQ(index->counts().addresses, 4U);
}

TEST_F(IntelTest, AccessKeysAreMatchedWhole) {
  EXPECT_FALSE(builder.build()->knows_access_keys());
  EXPECT_EQ(builder.add_access_key("AKIA7QRE5CS4S4E4FE2R", list("leaked")), std::nullopt);
  EXPECT_NE(builder.add_access_key("AKIA7QRE5CS4S4E4FE2Q", list("ours", true)), std::nullopt);
  const auto index = builder.build();
  EXPECT_TRUE(index->knows_access_keys());
  EXPECT_THAT(show(index->match_access_key("AKIA7QRE5CS4S4E4FE2R")),
              ElementsAre("leaked AKIA7QRE5CS4S4E4FE2R"));
  EXPECT_THAT(show(index->match_access_key("AKIA7QRE5CS4S4E4FE2")), IsEmpty());
  EXPECT_THAT(show(index->match_access_key("")), IsEmpty());
}

}  // namespace
}  // namespace picket
