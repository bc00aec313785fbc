#include "enrich/list_parser.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace picket {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Read {
  IntelFormat format = IntelFormat::txt;
  std::vector<std::string> entries;  // "value threat first..last", what is absent left out
  std::vector<std::string> aside;    // "reason xCOUNT @LINE"
};

Read read(std::string_view content, const ListOptions& options = {}) {
  Read read;
  const auto report =
      parse_intel_list(content, options, [&](const ListEntry& entry) -> std::optional<std::string_view> {
        std::string text = entry.kind == ListEntry::Kind::address ? entry.prefix.to_string() : entry.text;
        if (!entry.threat.empty()) text += fmt::format(" {}", entry.threat);
        if (entry.first_seen) text += fmt::format(" {}", format_time_seconds(*entry.first_seen));
        if (entry.last_seen) text += fmt::format("..{}", format_time_seconds(*entry.last_seen));
        read.entries.push_back(text);
        return std::nullopt;
      });
  if (!report) {
    read.aside = {fmt::format("ERROR {}", report.error().message())};
    return read;
  }
  EXPECT_EQ(report->entries, read.entries.size());
  read.format = report->format;
  for (const SetAside& aside : report->set_aside) {
    read.aside.push_back(fmt::format("{} x{} @{}", aside.reason, aside.count, aside.first_line));
  }
  return read;
}

TEST(ListParser, TextHoldsAllKindsMixed) {
  const Read list = read(
      "# comment\n\n192.0.2.1\r\n192.0.2.0/24 # office\nexample.com\n*.example.org\n2001:db8::/32\n"
      "198.51.100.7:8080\n203.0.113.0-203.0.113.2\nbad[.]example[.]net\n" +
      std::string(64, 'A') + "\n1.2.3.4\t10\n0.0.0.0 ads.example.com\nAKIA7QRE5CS4S4E4FE2R\n");
  EXPECT_EQ(list.format, IntelFormat::txt);
  EXPECT_THAT(list.entries,
              ElementsAre("192.0.2.1/32", "192.0.2.0/24", "example.com", "*.example.org", "2001:db8::/32",
                          "198.51.100.7/32", "203.0.113.0/31", "203.0.113.2/32", "bad.example.net",
                          std::string(64, 'A'), "1.2.3.4/32", "ads.example.com", "AKIA7QRE5CS4S4E4FE2R"));
  EXPECT_THAT(list.aside, IsEmpty());
}

TEST(ListParser, FeodoTrackersHeaderAndDates) {
  const Read list = read(
      "################\n# abuse.ch Feodo Tracker Botnet C2 IP Blocklist (CSV)\n#\n"
      "\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\n"
      "\"2026-06-04 21:24:53\",\"192.0.2.7\",\"8080\",\"offline\",\"2026-07-01\",\"Emotet\"\n# END 1 "
      "entries\n");
  EXPECT_EQ(list.format, IntelFormat::csv);
  // The last day counts to its end.
  EXPECT_THAT(list.entries, ElementsAre("192.0.2.7/32 Emotet 2026-06-04T21:24:53Z..2026-07-01T23:59:59Z"));
  EXPECT_THAT(list.aside, IsEmpty());
}

TEST(ListParser, AHeaderInACommentCounts) {
  std::vector<std::string> entries;
  const auto report = parse_intel_list(
      "# ThreatFox IOCs: recent\n"
      "# \"first_seen_utc\", \"ioc_id\", \"ioc_value\", \"ioc_type\", \"threat_type\", \"fk_malware\", "
      "\"malware_alias\", \"malware_printable\", \"last_seen_utc\", \"confidence_level\", \"reference\"\n"
      "\"2026-09-01 00:00:00\", \"10\", \"192.0.2.7:4443\", \"ip:port\", \"botnet_cc\", \"win.x\", \"\", "
      "\"Cobalt Strike\", \"\", \"75\", \"https://example.org/a\"\n"
      "\"2026-09-01 00:00:00\", \"11\", \"bad.example.com\", \"domain\", \"payload_delivery\", \"win.y\", "
      "\"None\", \"Loader\", \"\", \"20\", \"\"\n"
      "\"2026-09-01 00:00:00\", \"12\", \"http://bad.example.com/x\", \"url\", \"payload_delivery\", "
      "\"win.y\", "
      "\"None\", \"Loader\", \"\", \"50\", \"\"\n",
      {}, [&](const ListEntry& entry) -> std::optional<std::string_view> {
        const std::string value =
            entry.kind == ListEntry::Kind::address ? entry.prefix.to_string() : entry.text;
        entries.push_back(fmt::format("{} {} {} {}", value, entry.threat, to_string(*entry.category),
                                      unsigned{*entry.confidence}));
        return std::nullopt;
      });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->format, IntelFormat::csv);
  EXPECT_THAT(entries, ElementsAre("192.0.2.7/32 Cobalt Strike c2 75", "bad.example.com Loader drive_by 20"));
  ASSERT_EQ(report->set_aside.size(), 1U);
  EXPECT_EQ(report->set_aside[0].reason, "a URL; give its domain instead");
}

TEST(ListParser, RangesInTwoColumns) {
  const Read list = read(
      "# DShield\n192.0.2.0\t192.0.2.255\t24\t1500\tNAME\tCC\n203.0.113.9\t12\n127.0.0.1\tads.example.com\n");
  EXPECT_THAT(list.entries, ElementsAre("192.0.2.0/24", "203.0.113.9/32", "ads.example.com"));
}

// Who is a guard or an authority serves clients, who is an exit meets the world; a middle relay tells
// nothing.
constexpr std::string_view consensus =
    "network-status-version 3\nvote-status consensus\nvalid-after 2026-09-14 10:00:00\n"
    "dir-source moria1 D5 198.51.100.9 198.51.100.9 9131 9101\n"
    "r guard AAAA BBBB 2038-01-01 00:00:00 192.0.2.1 9001 0\na [2001:db8::1]:9001\ns Fast Guard Running "
    "Valid\n"
    "r middle AAAA BBBB 2038-01-01 00:00:00 192.0.2.2 9001 0\ns Fast Running Valid\n"
    "r exit AAAA BBBB 2038-01-01 00:00:00 192.0.2.3 443 9030\ns Exit Fast Running\nw Bandwidth=1\n"
    "r broken AAAA\ns Guard\n";

TEST(ListParser, TorConsensusByFlags) {
  std::vector<std::string> entries;
  const auto report =
      parse_intel_list(consensus, {}, [&](const ListEntry& entry) -> std::optional<std::string_view> {
        entries.push_back(fmt::format("{} {}", entry.prefix.to_string(), to_string(*entry.category)));
        return std::nullopt;
      });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->format, IntelFormat::tor_consensus);
  EXPECT_THAT(entries,
              ElementsAre("192.0.2.1/32 tor_relay", "2001:db8::1/128 tor_relay", "192.0.2.3/32 tor_exit"));
  ASSERT_EQ(report->set_aside.size(), 1U);
  EXPECT_EQ(report->set_aside[0].reason, "a router without an address");
}

TEST(ListParser, OnionooByFlags) {
  std::vector<std::string> entries;
  const auto report = parse_intel_list(
      R"({"version":"8.0","relays_published":"2026-09-14 10:00:00","relays":[
        {"or_addresses":["192.0.2.1:9001","[2001:db8::1]:9001"],"flags":["Fast","Guard"]},
        {"or_addresses":["192.0.2.2:9001"],"flags":["Fast"]},
        {"or_addresses":["192.0.2.3:443"],"exit_addresses":["192.0.2.4"],"flags":["Exit","Authority"]},7]})",
      {}, [&](const ListEntry& entry) -> std::optional<std::string_view> {
        entries.push_back(fmt::format("{} {}", entry.prefix.to_string(), to_string(*entry.category)));
        return std::nullopt;
      });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->format, IntelFormat::onionoo);
  EXPECT_THAT(entries, ElementsAre("192.0.2.1/32 tor_relay", "2001:db8::1/128 tor_relay",
                                   "192.0.2.3/32 tor_relay", "192.0.2.4/32 tor_exit"));
  EXPECT_EQ(report->set_aside_total(), 1U);
  EXPECT_THAT(read("{\"relays\": 7}").aside,
              ElementsAre("ERROR no Onionoo document: it has no array \"relays\""));
}

TEST(ListParser, UnusableLinesAreCountedByReason) {
  const Read list = read("192.0.2.1\nhello\nhttp://evil.example/x\nworld\n" + std::string(32, 'a') +
                         "\n192.0.2.9-192.0.2.1\n");
  EXPECT_THAT(list.entries, ElementsAre("192.0.2.1/32"));
  EXPECT_THAT(list.aside,
              ElementsAre("not an address, range, domain or SHA-256 hash x2 @2",
                          "a URL; give its domain instead x1 @3", "a hash other than SHA-256 x1 @5",
                          "a range that ends before it begins x1 @6"));
}

TEST(ListParser, TheSinksRefusalsAreCountedToo) {
  const auto report = parse_intel_list("192.0.2.1\nexample.com\n", {}, [](const ListEntry& entry) {
    return entry.kind == ListEntry::Kind::domain ? std::optional<std::string_view>("no names here")
                                                 : std::nullopt;
  });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->entries, 1U);
  ASSERT_EQ(report->set_aside.size(), 1U);
  EXPECT_EQ(report->set_aside[0].reason, "no names here");
  EXPECT_EQ(report->set_aside[0].first_line, 2U);
  EXPECT_EQ(report->set_aside[0].example, "example.com");
  EXPECT_EQ(report->set_aside_total(), 1U);
}

TEST(ListParser, SetsMadeThroughTheApiTakeLess) {
  const ListOptions address_list{.domains = false, .hashes = false, .ipv6 = false, .public_only = true};
  const Read list =
      read("8.8.8.8\n10.0.0.1\nexample.com\n2606:4700::1\n" + std::string(64, '0') + "\n", address_list);
  EXPECT_THAT(list.entries, ElementsAre("8.8.8.8/32"));
  EXPECT_THAT(
      list.aside,
      ElementsAre("not a public address x1 @2", "domains have no effect in an address list x1 @3",
                  "IPv6 has no effect in this list x1 @4", "hashes have no effect in this list x1 @5"));
}

TEST(ListParser, CapsAreErrorsFromTheFirstEntryBeyond) {
  EXPECT_THAT(read("192.0.2.1\n192.0.2.2\n", {.entries_max = 2}).aside, IsEmpty());
  EXPECT_THAT(read("192.0.2.1\n192.0.2.2\n192.0.2.3\n", {.entries_max = 2}).aside,
              ElementsAre("ERROR more than the 2 entries a list may have"));
  EXPECT_THAT(read("192.0.2.1\n", {.bytes_max = 10}).aside, IsEmpty());
  EXPECT_THAT(read("192.0.2.1\n", {.bytes_max = 9}).aside,
              ElementsAre("ERROR 10 bytes, more than the 9 a list may have"));
}

TEST(ListParser, OtxCsv) {
  const Read list = read(
      "Indicator type, Indicator, Description\nCIDR, 192.0.2.0/24, example\nIPv4, 198.51.100.1, \"a, b\"\n"
      "Domain name, example.net, example\n");
  EXPECT_EQ(list.format, IntelFormat::otx_csv);
  EXPECT_THAT(list.entries,
              ElementsAre("192.0.2.0/24 example", "198.51.100.1/32 a, b", "example.net example"));
  EXPECT_THAT(list.aside, IsEmpty());
}

TEST(ListParser, ProofPoint) {
  const Read list = read(
      "ip, category, score, first_seen, last_seen, ports (|)\n198.51.100.1, 1, 100, 2000-01-01, 2000-01-02,\n"
      "203.0.113.1, 1, 100, 2000-01-01, 2000-01-01, 80\n");
  EXPECT_EQ(list.format, IntelFormat::proof_point);
  EXPECT_THAT(list.entries, ElementsAre("198.51.100.1/32 2000-01-01T00:00:00Z..2000-01-02T23:59:59Z",
                                        "203.0.113.1/32 2000-01-01T00:00:00Z..2000-01-01T23:59:59Z"));
}

TEST(ListParser, FireEyeRowsGiveEveryValueTheyHold) {
  const Read list = read(
      "reportId, title, sha256, description, cidr, domain, ip, port, malwareFamily, observationTime\n\n"
      "01-1, Example, , text, 192.0.2.0/24, , , , Ursnif, 1494944400\n"
      "01-2, Example, , text, 203.0.113.0/24, example.com, 203.0.113.9, 8080, Ursnif,1494944400\n"
      "01-3, Example, , text, , , , , Ursnif, 1494944400\n");
  EXPECT_EQ(list.format, IntelFormat::fire_eye);
  EXPECT_THAT(
      list.entries,
      ElementsAre("192.0.2.0/24 Ursnif..2017-05-16T14:20:00Z", "203.0.113.0/24 Ursnif..2017-05-16T14:20:00Z",
                  "example.com Ursnif..2017-05-16T14:20:00Z", "203.0.113.9/32 Ursnif..2017-05-16T14:20:00Z"));
  EXPECT_THAT(list.aside, ElementsAre("a row without a value x1 @5"));
}

TEST(ListParser, AlienVault) {
  const Read list = read(
      "192.0.2.1#4#2#Malicious Host#KR##37.5111999512,126.974098206#3\n"
      "192.0.2.3#4#2##CN#Guangzhou#23.1166992188,113.25#3\nwww.example.com#4#2#Scanning "
      "Host#PL##52.2,21.0#3\n");
  EXPECT_EQ(list.format, IntelFormat::alien_vault);
  EXPECT_THAT(list.entries,
              ElementsAre("192.0.2.1/32 Malicious Host", "192.0.2.3/32", "www.example.com Scanning Host"));
}

TEST(ListParser, CsvFindsItsColumnsOrTakesTheFirst) {
  EXPECT_THAT(read("first_seen,dst_ip,malware\n2024-05-01 10:00:00,192.0.2.1,Emotet\n").entries,
              ElementsAre("192.0.2.1/32 Emotet 2024-05-01T10:00:00Z"));
  EXPECT_THAT(read("192.0.2.1,x\nexample.com,y\n").entries, ElementsAre("192.0.2.1/32", "example.com"));
}

constexpr std::string_view stix1 = R"(<?xml version="1.0" encoding="UTF-8"?>
<stix:STIX_Package xmlns:xsi="x" xmlns:stix="s" xmlns:indicator="i" xmlns:cybox="c" xmlns:AddressObject="a" xmlns:D="d">
 <stix:Indicators><stix:Indicator xsi:type="indicator:IndicatorType">
  <indicator:Title>Dropper</indicator:Title>
  <indicator:Observable><cybox:Object><cybox:Properties xsi:type="D:DomainNameObjectType">
   <D:Value condition="Equals">bad.example.com</D:Value></cybox:Properties></cybox:Object></indicator:Observable>
 </stix:Indicator></stix:Indicators>
 <stix:Observables>
  <cybox:Observable><cybox:Object><cybox:Properties category="ipv4-addr">
   <AddressObject:Address_Value condition="InclusiveBetween">192.0.2.0##comma##192.0.2.255</AddressObject:Address_Value>
  </cybox:Properties></cybox:Object></cybox:Observable>
  <cybox:Observable><cybox:Object><cybox:Properties category="ipv4-addr">
   <AddressObject:Address_Value>198.51.100.1##comma##198.51.100.2</AddressObject:Address_Value>
  </cybox:Properties></cybox:Object></cybox:Observable>
  <cybox:Observable><cybox:Object><cybox:Properties category="ipv4-addr">
   <AddressObject:Address_Value condition="StartsWith">198.51</AddressObject:Address_Value>
  </cybox:Properties></cybox:Object></cybox:Observable>
 </stix:Observables>
</stix:STIX_Package>)";

TEST(ListParser, Stix1) {
  const Read list = read(stix1);
  EXPECT_EQ(list.format, IntelFormat::stix1);
  EXPECT_THAT(list.entries,
              ElementsAre("bad.example.com Dropper", "192.0.2.0/24", "198.51.100.1/32", "198.51.100.2/32"));
  EXPECT_THAT(list.aside, ElementsAre("a condition other than Equals and InclusiveBetween x1 @16"));
}

TEST(ListParser, XmlThatIsBrokenOrDeclaresEntitiesIsAnError) {
  EXPECT_THAT(read("<a><b></a>").aside,
              ElementsAre("ERROR not readable as STIX 1 XML: mismatched tag in line 1"));
  EXPECT_THAT(
      read("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>").aside,
      ElementsAre("ERROR not readable as STIX 1 XML: a document type declaration is not accepted in line 1"));
  std::string deep = "<x>";
  for (int i = 0; i < 300; ++i) deep += "<a>";
  EXPECT_THAT(read(deep).aside, ElementsAre("ERROR not readable as STIX 1 XML: nested too deeply in line 1"));
}

TEST(ListParser, Stix2) {
  const Read list = read(R"({"type":"bundle","objects":[
    {"type":"identity","name":"someone"},
    {"type":"indicator","name":"Emotet","pattern_type":"stix","valid_from":"2024-01-01T00:00:00Z",
     "pattern":"[ipv4-addr:value = '192.0.2.1' OR domain-name:value IN ('a.example', 'b.example')] OR [ipv4-addr:value ISSUBSET '198.51.100.0/24']"},
    {"type":"indicator","pattern":"[file:hashes.'SHA-256' = '0000000000000000000000000000000000000000000000000000000000000000']"},
    {"type":"indicator","pattern":"[ipv4-addr:value = '192.0.2.2' AND network-traffic:dst_port = 443]"},
    {"type":"indicator","pattern":"[ipv4-addr:value = '192.0.2.3'] WITHIN 5 SECONDS"},
    {"type":"indicator","pattern_type":"yara","pattern":"rule x {}"},
    {"type":"indicator","revoked":true,"pattern":"[ipv4-addr:value = '192.0.2.4']"},
    7]})");
  EXPECT_EQ(list.format, IntelFormat::stix2);
  EXPECT_THAT(list.entries,
              ElementsAre("192.0.2.1/32 Emotet 2024-01-01T00:00:00Z", "a.example Emotet 2024-01-01T00:00:00Z",
                          "b.example Emotet 2024-01-01T00:00:00Z",
                          "198.51.100.0/24 Emotet 2024-01-01T00:00:00Z", std::string(64, '0')));
  EXPECT_THAT(list.aside, ElementsAre("a pattern that is no plain choice of values x2 @4",
                                      "a pattern in another language than STIX x1 @6", "revoked x1 @7",
                                      "not a STIX object x1 @8"));
}

TEST(ListParser, JsonThatIsNoBundleIsAnError) {
  EXPECT_THAT(read("{\"objects\":").aside,
              testing::Contains(testing::HasSubstr("not readable as STIX 2 JSON")));
  EXPECT_THAT(read("{\"a\":1}").aside, ElementsAre("ERROR not a STIX 2 bundle: it has no array \"objects\""));
}

TEST(ListParser, MarksOfOrderAndEncodingAreUnderstood) {
  EXPECT_THAT(read("\xef\xbb\xbf"
                   "192.0.2.1\n")
                  .entries,
              ElementsAre("192.0.2.1/32"));
  EXPECT_THAT(read(std::string_view("\xff\xfe"
                                    "1\0",
                                    4))
                  .aside,
              ElementsAre("ERROR the list is in UTF-16; save it as UTF-8"));
  EXPECT_THAT(read("").entries, IsEmpty());
}

TEST(ListParser, FormatNamesAreTheApisOwn) {
  EXPECT_EQ(parse_intel_format("proof_point").value(), IntelFormat::proof_point);
  EXPECT_EQ(parse_intel_format("TXT").value(), IntelFormat::txt);
  EXPECT_EQ(parse_intel_format("STIX").value(), std::nullopt);
  EXPECT_FALSE(parse_intel_format("XLS").has_value());
}

TEST(PrefixesOfRange, CoverExactlyTheRange) {
  const auto show = [](const char* first, const char* last) {
    std::vector<std::string> out;
    for (const IpPrefix& p :
         prefixes_of_range(IpAddress::parse(first).value(), IpAddress::parse(last).value())) {
      out.push_back(p.to_string());
    }
    return out;
  };
  EXPECT_THAT(show("192.0.2.1", "192.0.2.6"),
              ElementsAre("192.0.2.1/32", "192.0.2.2/31", "192.0.2.4/31", "192.0.2.6/32"));
  EXPECT_THAT(show("0.0.0.0", "255.255.255.255"), ElementsAre("0.0.0.0/0"));
  EXPECT_THAT(show("255.255.255.255", "255.255.255.255"), ElementsAre("255.255.255.255/32"));
  EXPECT_THAT(show("2001:db8::", "2001:db8::ffff"), ElementsAre("2001:db8::/112"));
  EXPECT_THAT(show("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ElementsAre("::/0"));
}

}  // namespace
}  // namespace picket
