#include "enrich/intel_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace picket {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

struct ListFile {
  std::string path = testing::TempDir() + "picket_intel_list_" + std::to_string(::getpid()) + ".txt";
  explicit ListFile(std::string_view content) { std::ofstream(path, std::ios::binary) << content; }
  ~ListFile() { std::filesystem::remove(path); }
};

TEST(IntelConfig, AFileBecomesHitsThatNameIt) {
  const ListFile file("192.0.2.0/24\nevil.example.com\nnonsense\n");
  IntelBuilder builder;
  const auto report =
      load_intel_list({.name = "ours", .path = file.path, .category = IntelCategory::c2}, builder);
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_EQ(report->entries, 2U);
  EXPECT_EQ(report->set_aside_total(), 1U);
  const auto index = builder.build();
  ASSERT_THAT(index->match(ip("192.0.2.9")), SizeIs(1));
  EXPECT_EQ(index->match(ip("192.0.2.9"))[0].indicator->list, "ours");
  EXPECT_EQ(index->match(ip("192.0.2.9"))[0].indicator->source, file.path);
  EXPECT_EQ(index->match(ip("192.0.2.9"))[0].indicator->category, IntelCategory::c2);
  EXPECT_THAT(index->match_domain("www.evil.example.com"), SizeIs(1));
}

TEST(IntelConfig, ErrorsNameTheFile) {
  IntelBuilder builder;
  const auto missing = load_intel_list({.name = "ours", .path = "/nonexistent/list.txt"}, builder);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().message(),
            "/nonexistent/list.txt: cannot read the list \"ours\": No such file or directory");
  const ListFile file("<broken");
  const auto broken = load_intel_list({.name = "ours", .path = file.path}, builder);
  ASSERT_FALSE(broken.has_value());
  EXPECT_THAT(broken.error().message(), HasSubstr(file.path + ": not readable as STIX 1 XML"));
}

TEST(IntelConfig, ExactIsByChoice) {
  IntelBuilder builder;
  ASSERT_TRUE(add_intel_list({.name = "l", .match = DomainMatch::exact}, "evil.example.com\n", builder));
  const auto index = builder.build();
  EXPECT_THAT(index->match_domain("evil.example.com"), SizeIs(1));
  EXPECT_THAT(index->match_domain("www.evil.example.com"), IsEmpty());
}

TEST(IntelConfig, SetsOfTheApiMatchAsGuardDutysDo) {
  IntelBuilder builder;
  const auto report = add_intel_set(
      {.name = "set", .kind = IntelSetKind::threat_entities},
      "evil.example.com\n*.bad.example.com\n10.0.0.1\n8.8.8.8\n" + std::string(64, 'a') + "\n", builder);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->entries, 4U);
  ASSERT_THAT(report->set_aside, SizeIs(1));
  EXPECT_EQ(report->set_aside[0].reason, "not a public address");
  const auto index = builder.build();
  EXPECT_THAT(index->match_domain("evil.example.com"), SizeIs(1));
  EXPECT_THAT(index->match_domain("a.evil.example.com"), IsEmpty());
  EXPECT_THAT(index->match_domain("a.bad.example.com"), SizeIs(1));
  EXPECT_THAT(index->match(ip("8.8.8.8")), SizeIs(1));
  EXPECT_EQ(index->match(ip("8.8.8.8"))[0].indicator->category, IntelCategory::custom);
  EXPECT_THAT(index->match(ip("10.0.0.1")), IsEmpty());
  EXPECT_THAT(index->match_sha256(std::string(64, 'A')), SizeIs(1));
}

TEST(IntelConfig, ASetOverItsQuotaLeavesNothingBehind) {
  std::string entries;
  for (std::size_t i = 0; i < IntelSetLimits().trusted_ips_max; ++i)
    entries += IpAddress::v4(0x08000000U + static_cast<std::uint32_t>(i)).to_string() + "\n";
  IntelBuilder builder;
  EXPECT_TRUE(
      add_intel_set({.name = "full", .kind = IntelSetKind::trusted_ips}, entries, builder).has_value());
  const auto over =
      add_intel_set({.name = "over", .kind = IntelSetKind::trusted_ips}, entries + "9.9.9.9\n", builder);
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().kind, ErrorKind::too_large);
  EXPECT_EQ(over.error().where, "over");
  EXPECT_EQ(builder.build()->counts().trusted, IntelSetLimits().trusted_ips_max);
}

TEST(BuiltinIntel, EveryLineOfEveryListIsTaken) {
  for (const BuiltinList& list : builtin_lists()) {
    IntelBuilder builder;
    const auto report = parse_intel_list(list.content, {.public_only = true},
                                         [&](const ListEntry& entry) -> std::optional<std::string_view> {
                                           const auto id = builder.describe({});
                                           if (entry.kind == ListEntry::Kind::domain)
                                             return builder.add_domain(entry.text, list.match, id);
                                           return builder.add_address(entry.prefix, id);
                                         });
    ASSERT_TRUE(report.has_value()) << list.name;
    EXPECT_GT(report->entries, 10U) << list.name;
    EXPECT_THAT(report->set_aside, IsEmpty())
        << list.name << " " << report->set_aside[0].reason << ": " << report->set_aside[0].example;
  }
}

TEST(BuiltinIntel, KnowsAwsTestDomainsByTheirPurpose) {
  IntelBuilder builder;
  builtin_intel(builder);
  const auto index = builder.build();
  const auto category = [&](std::string_view name) {
    const auto hits = index->match_domain(name);
    return hits.empty() ? std::string("none") : std::string(to_string(hits[0].indicator->category));
  };
  EXPECT_EQ(category("guarddutyc2activityb.com"), "c2");
  EXPECT_EQ(category("crypto.guarddutyc2activityb.com."), "mining");
  EXPECT_EQ(category("abused-rep.guarddutyc2activityb.com"), "abused_domain");
  EXPECT_EQ(category("guarddutydroppointactivity.com"), "drop_point");
  EXPECT_EQ(category("guarddutyblackholeactivity.com"), "sinkhole");
  EXPECT_EQ(category("guarddutydgaactivity.com"), "dga");
  EXPECT_EQ(category("xmr-eu1.nanopool.org"), "mining");
  EXPECT_EQ(category("example.com"), "none");
}

TEST(BuiltinIntel, HoldsNoPublicResolverAndNothingWide) {
  IntelBuilder builder;
  builtin_intel(builder);
  const auto index = builder.build();
  for (const char* resolver :
       {"8.8.8.8", "8.8.4.4", "1.1.1.1", "9.9.9.9", "208.67.222.222", "169.254.169.253"}) {
    EXPECT_THAT(index->match(ip(resolver)), IsEmpty()) << resolver;
  }
  for (const BuiltinList& list : builtin_lists()) {
    if (only_describes(list.category)) continue;  // whole networks of their operators
    const auto report =
        parse_intel_list(list.content, {}, [](const ListEntry& entry) -> std::optional<std::string_view> {
          const bool wide = entry.kind == ListEntry::Kind::address &&
                            entry.prefix.length < (entry.prefix.address.is_v4() ? 20U : 48U);
          return wide ? std::optional<std::string_view>("wide") : std::nullopt;
        });
    EXPECT_THAT(report->set_aside, IsEmpty()) << list.name;
  }
}

}  // namespace
}  // namespace picket
