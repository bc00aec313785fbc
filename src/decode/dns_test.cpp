#include <gmock/gmock.h>

#include "decode/listing_sink.h"

namespace picket {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Run {
  ListingSink sink;
  std::uint64_t records = 0;
};

Run decode(std::string_view text, std::size_t window = 0, DecodeLimits limits = {}) {
  Run run;
  const auto decoder = make_dns_decoder({}, limits, run.sink);
  feed_all(*decoder, text, window);
  run.records = decoder->records_read();
  EXPECT_EQ(run.records, run.sink.lines.size());
  return run;
}

std::vector<std::string> lines(std::string_view text) { return decode(text).sink.lines; }

std::string query(std::string_view name, std::string_view more = {}) {
  return fmt::format(R"({{"query_name":"{}","query_timestamp":"2026-09-14T10:00:00Z"{}}})", name, more);
}
std::string told(std::uint64_t position, std::string_view name, std::string_view more = {}) {
  return fmt::format("{} dns 2026-09-14T10:00:00.000Z     {}     src none:0{}", position, name, more);
}

TEST(DnsDecoder, ReadsEveryField) {
  EXPECT_THAT(
      lines(
          R"({"srcaddr":"10.1.2.3","vpc_id":"vpc-7","answers":[{"Rdata":"203.0.113.9","Type":"A","Class":"IN"},)"
          R"({"Rdata":"2001:db8::1","Type":"AAAA","Class":"IN"}],"firewall_rule_group_id":"rslvr-frg-1",)"
          R"("firewall_rule_action":"BLOCK","query_name":"example.com.","firewall_domain_list_id":"rslvr-fdl-1",)"
          R"("query_class":"IN","srcids":{"instance":"i-0d1","resolver_endpoint":"rslvr-in-1",)"
          R"("resolver_network_interface":"rni-1"},"rcode":"NOERROR","query_type":"A","transport":"UDP",)"
          R"("version":"1.100000","account_id":"111122223333","srcport":"56067",)"
          R"("query_timestamp":"2021-02-04T17:51:55Z","region":"us-east-1","new_field":{"a":[1,true,null]}})"
          "\n"),
      ElementsAre("1 dns 2021-02-04T17:51:55.000Z 1.100000 111122223333 us-east-1 vpc-7 example.com. A IN "
                  "NOERROR UDP src "
                  "10.1.2.3:56067 instance i-0d1 endpoint rslvr-in-1 interface rni-1 firewall BLOCK group "
                  "rslvr-frg-1 list "
                  "rslvr-fdl-1 [203.0.113.9 A IN] [2001:db8::1 AAAA IN]"));
}

TEST(DnsDecoder, ToleratesWhatMayBeAbsentOrOtherwise) {
  EXPECT_THAT(
      lines(query("a.") + "\n" + query("b.", R"(,"srcids":{},"answers":[])") + "\n" +
            query("c.", R"(,"srcids":null,"answers":null,"srcport":53)") + "\n" +
            query("d.", R"(,"answers":{"Rdata":"1.2.3.4","Type":"A","Class":"IN"})")),
      ElementsAre(told(1, "a."), told(2, "b."), "3 dns 2026-09-14T10:00:00.000Z     c.     src none:53",
                  told(4, "d.", " [1.2.3.4 A IN]")));
}

TEST(DnsDecoder, KeepsDnsEscapesAndUndoesThoseOfJson) {
  EXPECT_THAT(lines(query(R"(a\\032b\\.c.)") + query(R"(\u0078\/y.)")),
              ElementsAre(told(1, R"(a\032b\.c.)"), told(2, "x/y.")));
}

TEST(DnsDecoder, ReadsArraysWrappersAndPrettyPrint) {
  const auto both = ElementsAre(told(1, "a."), told(2, "b."));
  EXPECT_THAT(lines("[" + query("a.") + "," + query("b.") + "]"), both);
  EXPECT_THAT(lines("[\n" + query("a.") + ",\n" + query("b.") + "\n]\n"), both);
  EXPECT_THAT(lines(R"({"Records":[)" + query("a.") + "," + query("b.") + R"(],"more":{"x":1}})"), both);
  EXPECT_THAT(lines(query("a.") + query("b.")), both);
  EXPECT_THAT(lines("{\n  \"query_name\": \"a.\",\n  \"query_timestamp\": \"2026-09-14T10:00:00Z\"\n}\n{\n  "
                    "\"query_name\": "
                    "\"b.\",\n  \"query_timestamp\": \"2026-09-14T10:00:00Z\"\n}\n"),
              both);
  EXPECT_THAT(lines("\xef\xbb\xbf" + query("a.") + "\r\n\r\n" + query("b.") + "\r\n"), both);
  // A published rule test around the record.
  EXPECT_THAT(lines(R"({"rule":"x","expected":true,"event":)" + query("a.") + "}\n" + query("b.")), both);
}

TEST(DnsDecoder, SetsABrokenLineAsideAndReadsTheNext) {
  const std::string a = query("a."), b = query("b.");
  for (const std::string broken : {
           R"({"query_name":"x)",                // ends inside a string
           R"({"query_name":"x.","answers":[)",  // swallows what follows
           R"({"query_name":)",                  // likewise
           R"({"query_name":"x."}})",            // one bracket too many
           R"({"query_name" "x."})",             //
           R"({"query_name":"x.",})",            //
           R"({"query_name":"x.","a":tru})",     //
           R"({"query_name":"\q","query_timestamp":"2026-09-14T10:00:00Z"})",
           "{\"query_name\":\"\xff\"}",  // not UTF-8
           "{\"query_name\":\"\x01\"}",  // control character
           "no JSON at all",             //
           "\"text\"",                   //
       }) {
    const auto run = decode(a + "\n" + broken + "\n" + b + "\n");
    // What is left of a record that ended early is a broken span of its own.
    ASSERT_GE(run.sink.lines.size(), 3U) << broken;
    ASSERT_LE(run.sink.lines.size(), 4U) << broken;
    EXPECT_EQ(run.sink.events, 2U) << broken;
    EXPECT_EQ(run.sink.lines.front(), told(1, "a.")) << broken;
    EXPECT_EQ(run.sink.lines.back(), told(run.records, "b.")) << broken;
    EXPECT_THAT(run.sink.lines[1], HasSubstr(fmt::format("at {}+", a.size() + 1))) << broken;
  }
  // At the end of the text.
  EXPECT_THAT(lines(a + "\n" + R"({"query_name":"x)"),
              ElementsAre(told(1, "a."), "2 quarantined bad_json at 61+16"));
  EXPECT_THAT(lines(a + "\n" + R"({"query_name":"x")"),
              ElementsAre(told(1, "a."), "2 quarantined truncated_record at 61+17"));
  EXPECT_THAT(lines(a + "\n{\"query_name\":\"\xff\"}\n"),
              ElementsAre(told(1, "a."), "2 quarantined invalid_utf8 at 61+19"));
}

TEST(DnsDecoder, SetsTheRestAsideWhenNothingIsARecord) {
  const auto text = [&](std::uint64_t many, std::string_view bad) {
    std::string out;
    for (std::uint64_t i = 0; i < many; ++i) out += bad;
    return out + query("a.example");
  };
  const std::string deep = "{\"query_name\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}\n";
  for (const std::size_t window : {0UL, 5000UL}) {
    EXPECT_EQ(decode(text(hopeless_after, "{}\n"), window).sink.quarantined, hopeless_after + 1);
    EXPECT_EQ(decode(text(hopeless_after - 1, "{}\n"), window).sink.events, 1U);
    const auto long_ones = decode(text(20, deep), window);
    EXPECT_EQ(long_ones.sink.events, 0U);
    EXPECT_EQ(long_ones.sink.quarantined, hopeless_long_after + 1);
    EXPECT_EQ(decode(text(hopeless_long_after - 1, deep), window).sink.events, 1U);
  }
}

TEST(DnsDecoder, SetsABrokenElementOfALineAside) {
  EXPECT_THAT(lines("[" + query("a.") + R"(,{"query_name":"x.",},)" + query("b.") + "]"),
              ElementsAre(told(1, "a."), "2 quarantined bad_json at 62+20", told(3, "b.")));
}

TEST(DnsDecoder, QuarantinesWithReason) {
  const auto reason = [&](std::string_view text) {
    const auto got = lines(text);
    EXPECT_EQ(got.size(), 1U) << text;
    return got.empty() ? "" : got[0];
  };
  EXPECT_EQ(reason(R"({"query_name":"a."})"), "1 quarantined no_event_time at 0+19");
  EXPECT_EQ(reason(R"({"query_name":"a.","query_timestamp":"today"})"),
            "1 quarantined bad_event_time at 0+45");
  EXPECT_EQ(reason(R"({"query_timestamp":"2026-09-14T10:00:00Z"})"), "1 quarantined no_query_name at 0+42");
  EXPECT_EQ(reason(query("a.", R"(,"srcaddr":"10.0.0")")), "1 quarantined bad_address at 0+79");
  EXPECT_EQ(reason(query("a.", R"(,"srcport":"65536")")), "1 quarantined bad_number at 0+78");
  const std::string deep =
      query("a.", fmt::format(R"(,"x":{}1{})", std::string(64, '['), std::string(64, ']')));
  EXPECT_EQ(reason(deep), fmt::format("1 quarantined too_deep at 0+{}", deep.size()));
  const std::string fits =
      query("a.", fmt::format(R"(,"x":{}1{})", std::string(63, '['), std::string(63, ']')));
  EXPECT_EQ(reason(fits), told(1, "a."));
}

TEST(DnsDecoder, ReadsTimesOfAllDays) {
  const auto time = [](std::string_view text) {
    const auto got = lines(fmt::format(R"({{"query_name":"a.","query_timestamp":"2026-09-14T10:00:00Z"}})"
                                       "\n"
                                       R"({{"query_name":"a.","query_timestamp":"{}"}})",
                                       text));
    return got.size() < 2 ? "" : got[1].substr(0, got[1].find("    "));
  };
  EXPECT_EQ(time("2026-09-14T23:59:59Z"), "2 dns 2026-09-14T23:59:59.000Z");
  EXPECT_EQ(time("2026-09-15T00:00:00Z"), "2 dns 2026-09-15T00:00:00.000Z");
  EXPECT_EQ(time("2026-09-14T10:00:00.250Z"), "2 dns 2026-09-14T10:00:00.250Z");
  EXPECT_EQ(time("2026-09-14 10:00:01"), "2 dns 2026-09-14T10:00:01.000Z");
  EXPECT_EQ(time("2026-09-14 10:00:01.38"), "2 dns 2026-09-14T10:00:01.380Z");
  EXPECT_EQ(time("2026-09-14T10:00:00+01:00"), "2 dns 2026-09-14T09:00:00.000Z");
  EXPECT_THAT(time("2026-09-14T24:00:00Z"), HasSubstr("bad_event_time"));
  EXPECT_THAT(time("2026-09-14T10:60:00Z"), HasSubstr("bad_event_time"));
}

TEST(DnsDecoder, SetsATooLargeRecordAsideAndGoesOn) {
  const std::string big = query("x.", fmt::format(R"(,"x":"{}")", std::string(1'100'000, 'y')));
  for (const std::size_t window : {0UL, 10'000UL, 4'000'000UL}) {
    const auto run = decode(query("a.") + "\n" + big + "\n" + query("b.") + "\n", window);
    ASSERT_EQ(run.sink.lines.size(), 3U) << window;
    EXPECT_THAT(run.sink.lines[1], HasSubstr("2 quarantined record_too_large at 61+")) << window;
    EXPECT_EQ(run.sink.lines[2], told(3, "b.")) << window;
  }
}

TEST(DnsDecoder, WindowsDoNotMatter) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text +=
        query(fmt::format("host{}.example.", i), i % 3 == 0 ? R"(,"answers":[{"Rdata":"1.2.3.4"}])" : "") +
        "\n";
    if (i % 50 == 7)
      text += R"({"query_name":"broken)"
              "\n";
    if (i % 50 == 9)
      text += R"({"query_name":"broken","answers":[{"a":)"
              "\n";
  }
  const auto whole = decode(text);
  EXPECT_EQ(whole.sink.events, 300U);
  EXPECT_EQ(whole.sink.quarantined, 12U);
  for (const std::size_t window : {1UL, 64UL, 500UL, 5'000UL})
    EXPECT_EQ(decode(text, window).sink.lines, whole.sink.lines) << window;
}

TEST(DnsDecoder, EndsOnEmptyAndBlankText) {
  EXPECT_THAT(lines(""), ElementsAre());
  EXPECT_THAT(lines("\n \r\n"), ElementsAre());
  EXPECT_THAT(lines("[]"), ElementsAre());
}

}  // namespace
}  // namespace picket
