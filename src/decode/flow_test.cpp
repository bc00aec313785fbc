#include "decode/flow.h"

#include <gmock/gmock.h>

#include <random>

#include "decode/flow_layout.h"
#include "decode/listing_sink.h"

namespace picket {
namespace {

using testing::ElementsAre;

const std::string v2_header =
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status\n";

struct Run {
  ListingSink sink;
  std::uint64_t records = 0;
};

Run decode(std::string_view text, FlowSplit split = best_flow_split, std::size_t window = 0,
           std::string format = {}, DecodeLimits limits = {}) {
  Run run;
  ObjectInfo info;
  info.flow_format = std::move(format);
  const auto decoder = make_flow_decoder(info, limits, run.sink, split);
  feed_all(*decoder, text, window);
  run.records = decoder->records_read();
  return run;
}

std::vector<std::string> lines(std::string_view text, std::string format = {}) {
  return decode(text, best_flow_split, 0, std::move(format)).sink.lines;
}

std::string v2(std::string_view fields) { return v2_header + std::string(fields) + "\n"; }

TEST(FlowDecoder, SetsTheRestAsideWhenNoLineIsARecord) {
  const std::string bad = "2 1 eni-1 999.0.0.1 -1 x y z 1\n";
  const std::string good =
      "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 "
      "1418530070 ACCEPT OK\n";
  const auto text = [&](std::uint64_t many) {
    std::string out = v2_header;
    for (std::uint64_t i = 0; i < many; ++i) out += bad;
    return out + good + bad;
  };
  for (const std::size_t window : {0UL, 1000UL}) {
    const auto hopeless = decode(text(hopeless_after), best_flow_split, window);
    EXPECT_EQ(hopeless.records, hopeless_after + 1);
    EXPECT_EQ(hopeless.sink.quarantined, hopeless_after + 1);
    EXPECT_EQ(hopeless.sink.lines.back(),
              fmt::format("{} quarantined not_flow_log at {}+{}", hopeless_after + 2,
                          v2_header.size() + hopeless_after * bad.size(), good.size() + bad.size()));
    const auto hopeful = decode(text(hopeless_after - 1), best_flow_split, window);
    EXPECT_EQ(hopeful.records, hopeless_after + 1);
    EXPECT_EQ(hopeful.sink.events, 1U);
  }
}

TEST(FlowDecoder, ReadsVersion2) {
  EXPECT_THAT(
      lines(
          v2_header +
          "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 "
          "1418530070 ACCEPT OK\n"
          "2 unknown eni-1 203.0.113.255 0.0.0.0 0 0 1 18446744073709551615 9999999999999999 1418530010 "
          "1418530070 REJECT OK\n"
          "2 123456789010 eni-1 2001:db8::1 2001:db8::2 34892 22 6 54 8855 1477913708 1477913820 ACCEPT OK\n"
          "2 123456789010 eni-2 - - - - - - - 1431280876 1431280934 - NODATA\n"
          "2 123456789010 eni-3 - - - - - - - 1431280876 1431280934 - SKIPDATA\n"),
      ElementsAre("2 flow 123456789010 eni-1235b8ca123456789 172.31.16.139:20641 172.31.16.21:22 proto 6 "
                  "packets 20 bytes 4249 "
                  "1418530010-1418530070 ACCEPT",
                  "3 flow unknown eni-1 203.0.113.255:0 0.0.0.0:0 proto 1 packets 18446744073709551615 bytes "
                  "9999999999999999 "
                  "1418530010-1418530070 REJECT",
                  "4 flow 123456789010 eni-1 2001:db8::1:34892 2001:db8::2:22 proto 6 packets 54 bytes 8855 "
                  "1477913708-1477913820 ACCEPT",
                  "5 no_data 123456789010 eni-2 1431280876000-1431280934000",
                  "6 skip_data 123456789010 eni-3 1431280876000-1431280934000"));
}

TEST(FlowDecoder, TakesTheDefaultFormatWithoutHeader) {
  EXPECT_THAT(lines("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 100 160 ACCEPT OK"),
              ElementsAre("1 flow 1 eni-1 10.0.0.1:1 10.0.0.2:2 proto 6 packets 1 bytes 40 100-160 ACCEPT"));
  EXPECT_THAT(lines("3 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 100 160 ACCEPT OK vpc-1\n"),
              ElementsAre("1 quarantined wrong_field_count at 0+62"));
}

TEST(FlowDecoder, ReadsEveryFieldInAnyOrder) {
  const std::string header =
      "encryption-status resource-id reject-reason ecs-task-id ecs-task-arn ecs-task-definition-arn "
      "ecs-service-name "
      "ecs-second-container-id ecs-container-id ecs-container-instance-id ecs-container-instance-arn "
      "ecs-cluster-name "
      "ecs-cluster-arn traffic-path flow-direction pkt-dst-aws-service pkt-src-aws-service sublocation-id "
      "sublocation-type "
      "az-id region pkt-dstaddr pkt-srcaddr type tcp-flags instance-id subnet-id vpc-id log-status action "
      "end start bytes "
      "packets protocol dstport srcport dstaddr srcaddr interface-id account-id version\n";
  const auto got = lines(
      header +
      "1 rid BPA tid tarn tdarn svc c2 c1 ciid ciarn cname carn 8 egress S3 EC2 subloc wavelength use1-az1 "
      "us-east-1 52.0.0.2 10.9.9.9 IPv4 18 i-1 subnet-1 vpc-1 OK ACCEPT 160 100 40 1 6 443 50000 52.0.0.1 "
      "10.0.0.1 eni-1 111122223333 10\n" +
      "- - - - - - - - - - - - - - - - - - - - - - - - - - - - OK REJECT 160 100 40 1 6 443 50000 52.0.0.1 "
      "10.0.0.1 eni-1 111122223333 10\n");
  const std::string base =
      "flow 111122223333 eni-1 10.0.0.1:50000 52.0.0.1:443 proto 6 packets 1 bytes 40 100-160 ";
  EXPECT_THAT(
      got, ElementsAre(
               "2 " + base +
                   "ACCEPT vpc=vpc-1 subnet=subnet-1 instance=i-1 type=IPv4 region=us-east-1 az=use1-az1 "
                   "sublocation_type=wavelength sublocation=subloc src_service=EC2 dst_service=S3 "
                   "reject_reason=BPA resource=rid ecs_cluster_arn=carn ecs_cluster=cname "
                   "ecs_instance_arn=ciarn ecs_instance=ciid ecs_container=c1 ecs_second=c2 ecs_service=svc "
                   "ecs_definition=tdarn ecs_task_arn=tarn ecs_task=tid encryption=1 pkt_src=10.9.9.9 "
                   "pkt_dst=52.0.0.2 flags=18 path=8 direction=egress",
               "3 " + base + "REJECT"));
}

TEST(FlowDecoder, TakesTheFormatFromConfiguration) {
  const std::string format = "${interface-id} ${srcaddr} ${dstaddr} ${dstport} ${start} ${future-field}";
  EXPECT_THAT(lines("eni-1 10.0.0.1 10.0.0.2 22 100 what\neni-2 - - - 100 -\n", format),
              ElementsAre("1 flow  eni-1 10.0.0.1:0 10.0.0.2:22 proto 0 packets 0 bytes 0 100-100 -",
                          "2 no_data  eni-2 100000-100000"));
  // Underscores are the spelling of Parquet columns.
  EXPECT_THAT(lines("10.0.0.1 10.0.0.2 100\n", "pkt_srcaddr pkt_dstaddr end"),
              ElementsAre("1 flow   10.0.0.1:0 10.0.0.2:0 proto 0 packets 0 bytes 0 100-100 - "
                          "pkt_src=10.0.0.1 pkt_dst=10.0.0.2"));
}

TEST(FlowDecoder, SwitchesFormatAtAHeaderInTheMiddle) {
  EXPECT_THAT(lines("srcaddr dstaddr end vpc-id\n10.0.0.1 10.0.0.2 100 vpc-1\n" +
                    v2("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 100 160 ACCEPT OK") +
                    "dstaddr srcaddr end\n1.1.1.1 2.2.2.2 7\n"),
              ElementsAre("2 flow   10.0.0.1:0 10.0.0.2:0 proto 0 packets 0 bytes 0 100-100 - vpc=vpc-1",
                          "4 flow 1 eni-1 10.0.0.1:1 10.0.0.2:2 proto 6 packets 1 bytes 40 100-160 ACCEPT",
                          "6 flow   2.2.2.2:0 1.1.1.1:0 proto 0 packets 0 bytes 0 7-7 -"));
}

TEST(FlowDecoder, NamesTransitGatewayRecords) {
  const std::string header =
      "version resource-type account-id tgw-id tgw-attachment-id srcaddr dstaddr start end log-status "
      "packets-lost-no-route\n";
  EXPECT_THAT(
      lines(header + "6 TransitGateway 1 tgw-1 tgw-attach-1 10.0.0.1 10.0.0.2 1 2 OK 0\n6 TransitGateway\n"),
      ElementsAre("2 filtered transit_gateway", "3 quarantined wrong_field_count at 182+16"));
  // CloudWatch delivers without a header.
  EXPECT_THAT(lines("6 TransitGateway 123456789012 tgw-1 tgw-attach-1 1 2\n"),
              ElementsAre("1 filtered transit_gateway"));
}

TEST(FlowDecoder, QuarantinesWithReason) {
  const std::string header = std::to_string(v2_header.size());
  const auto reason = [&](std::string_view fields) {
    const auto got = lines(v2(fields));
    EXPECT_EQ(got.size(), 1U) << fields;
    return got.empty() ? "" : got[0];
  };
  const auto at = [&](std::string_view reason, std::size_t length) {
    return fmt::format("2 quarantined {} at {}+{}", reason, header, length);
  };
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 100 160 ACCEPT"), at("wrong_field_count", 53));
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 100 160 ACCEPT OK x"),
            at("wrong_field_count", 58));
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.1 10.0.0.2 65536 2 6 1 40 100 160 ACCEPT OK"), at("bad_number", 60));
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 256 1 40 100 160 ACCEPT OK"), at("bad_number", 58));
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 4x 100 160 ACCEPT OK"), at("bad_number", 56));
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 18446744073709551616 4 1 2 ACCEPT OK"),
            at("bad_number", 70));
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1000000000000 160 ACCEPT OK"),
            at("bad_number", 66));
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.256 10.0.0.2 1 2 6 1 40 100 160 ACCEPT OK"), at("bad_address", 58));
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.01 10.0.0.2 1 2 6 1 40 100 160 ACCEPT OK"), at("bad_address", 57));
  EXPECT_EQ(reason("2 1 eni-1 - 10.0.0.2 1 2 6 1 40 100 160 ACCEPT OK"), at("bad_address", 49));
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 100 160 DROP OK"), at("unknown_action", 54));
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 100 160 ACCEPT NO"), at("unknown_log_status", 56));
  EXPECT_EQ(reason("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 - - ACCEPT OK"), at("no_event_time", 52));
  EXPECT_EQ(reason("2 1  10.0.0.1 10.0.0.2 1 2 6 1 40 100 160 ACCEPT OK"), at("empty_field", 51));
  EXPECT_EQ(reason("2 1 eni\x01 10.0.0.1 10.0.0.2 1 2 6 1 40 100 160 ACCEPT OK"), at("bad_text", 55));
  EXPECT_THAT(lines("srcaddr action\n10.0.0.1 ACCEPT\n"),
              ElementsAre("2 quarantined fields_missing at 15+15"));
}

TEST(FlowDecoder, KeepsLineNumbersOverBlankLinesAndCarriageReturns) {
  EXPECT_THAT(lines("srcaddr dstaddr end\r\n\r\n1.1.1.1 2.2.2.2 7\r\n\n1.1.1.1 2.2.2.2 8\r"),
              ElementsAre("3 flow   1.1.1.1:0 2.2.2.2:0 proto 0 packets 0 bytes 0 7-7 -",
                          "5 flow   1.1.1.1:0 2.2.2.2:0 proto 0 packets 0 bytes 0 8-8 -"));
}

TEST(FlowDecoder, SetsATooLongLineAsideAndGoesOn) {
  const std::string good = "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 100 160 ACCEPT OK\n";
  for (const std::size_t window : {0UL, 50'000UL, 3'000'000UL}) {
    const auto run = decode(v2_header + std::string(2'000'000, 'x') + "\n" + good, best_flow_split, window);
    ASSERT_EQ(run.sink.lines.size(), 2U) << window;
    EXPECT_EQ(run.sink.lines[0],
              fmt::format("2 quarantined record_too_large at {}+2000000", v2_header.size()));
    EXPECT_EQ(run.sink.lines[1],
              "3 flow 1 eni-1 10.0.0.1:1 10.0.0.2:2 proto 6 packets 1 bytes 40 100-160 ACCEPT");
    EXPECT_EQ(run.records, 2U);
  }
  const auto unfinished = decode(v2_header + std::string(2'000'000, 'x'), best_flow_split, 50'000);
  EXPECT_THAT(unfinished.sink.lines,
              ElementsAre(fmt::format("2 quarantined record_too_large at {}+2000000", v2_header.size())));
}

// Lines at and beyond what the fast reader takes: every kind of damage in every place.
class HostileLines {
 public:
  explicit HostileLines(std::uint32_t seed) : random_(seed) {}

  std::string text(int count) {
    std::string out = below(4) == 0 ? "" : v2_header;
    for (int i = 0; i < count; ++i) out += line();
    return out;
  }

 private:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  std::string pick(std::initializer_list<const char*> of) {
    return *(of.begin() + below(static_cast<std::uint32_t>(of.size())));
  }
  std::string digits(std::uint32_t length) {
    std::string out;
    for (std::uint32_t i = 0; i < length; ++i) out += static_cast<char>('0' + below(10));
    return out;
  }
  std::string quad() {
    std::string out;
    for (int i = 0; i < 4; ++i) out += fmt::format("{}{}", i > 0 ? "." : "", below(below(2) == 0 ? 256 : 12));
    return out;
  }
  std::string number(std::uint32_t usual) {
    if (below(40) == 0) return digits(below(23));
    if (below(60) == 0)
      return pick({"-",
                   "+1",
                   "-1",
                   "0",
                   "00080",
                   "65535",
                   "65536",
                   "255",
                   "256",
                   "1e3",
                   "4294967296",
                   "1:1",
                   "99999999",
                   "100000000",
                   "9999999999999999",
                   "10000000000000000",
                   "18446744073709551615",
                   "18446744073709551616",
                   "999999999999",
                   "1000000000000"});
    return std::to_string(below(usual));
  }
  std::string address() {
    if (below(40) == 0)
      return pick({"-",           "::1",         "1.2.3",           "1.2.3.4.5", "1..2.3",
                   "1.2.3.",      ".1.2.3",      "1.2.3.256",       "01.2.3.4",  "1.2.3.04",
                   "1.2.3.400",   "2001:db8::1", "255.255.255.255", "1.2.3.4x",  "1.2.3:4",
                   "....",        "1234.1.1.1",  "0.0.0.0",         "00.0.0.0",  "1.2.3.4/8",
                   "fe80::1%eth0"});
    return quad();
  }
  std::string line() {
    std::string out = below(80) == 0 ? pick({"3", "", "22", "x", "255", "256"}) : "2";
    const auto add = [&](const std::string& field) {
      out += below(400) == 0 ? pick({"", "  ", "\t"}) : " ";
      out += field;
    };
    add(below(30) == 0 ? pick({"unknown", "-", "", "x"}) : digits(12));
    add(below(30) == 0 ? pick({"-", "", "e", "eni-with-a-very-long-name-that-goes-on-and-on-and-on"})
                       : "eni-" + digits(17));
    add(address());
    add(address());
    add(number(70000 - 4400));
    add(number(65536));
    add(number(200));
    add(number(5000));
    add(number(4'000'000'000));
    add(number(1'800'000'000));
    add(number(1'800'000'000));
    add(below(30) == 0 ? pick({"-", "DROP", "ACCEP", "ACCEPTX", "accept", "REJECTED"})
                       : pick({"ACCEPT", "REJECT"}));
    add(below(30) == 0 ? pick({"NODATA", "SKIPDATA", "O", "OKK", "KO", "-", "ok"}) : "OK");
    if (below(60) == 0) out += pick({" x", " ", "\r", " OK", "\n"});
    if (below(100) == 0) out[below(static_cast<std::uint32_t>(out.size()))] = static_cast<char>(below(256));
    if (below(100) == 0) out.resize(below(static_cast<std::uint32_t>(out.size())));
    if (below(300) == 0) out = v2_header.substr(0, v2_header.size() - 1);
    return out + "\n";
  }
  std::mt19937 random_;
};

TEST(FlowDecoder, FastAndScalarReadersAgree) {
  if (best_flow_split == FlowSplit::scalar)
    GTEST_SKIP() << "THIS BUILD HAS NO AVX2: the fast flow reader is not tested";
  std::uint64_t flows = 0;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    const std::string text = HostileLines(seed).text(300);
    const auto fast = decode(text, FlowSplit::simd), scalar = decode(text, FlowSplit::scalar);
    ASSERT_EQ(fast.sink.lines, scalar.sink.lines) << "seed " << seed;
    ASSERT_EQ(fast.records, scalar.records);
    ASSERT_EQ(fast.records, fast.sink.lines.size());
    flows += fast.sink.events;
  }
  EXPECT_GT(flows, 20'000U);  // most lines are good, or the comparison would be of errors only
}

TEST(FlowDecoder, WindowsDoNotMatter) {
  const std::string text = HostileLines(77).text(400);
  const auto whole = decode(text);
  for (const std::size_t window : {1UL, 63UL, 200UL, 4096UL, 40'000UL}) {
    const auto parts = decode(text, best_flow_split, window);
    const auto [ours, other] = std::ranges::mismatch(parts.sink.lines, whole.sink.lines);
    EXPECT_TRUE(ours == parts.sink.lines.end() && other == whole.sink.lines.end())
        << "window " << window << ": " << (ours == parts.sink.lines.end() ? "nothing" : *ours)
        << "\ninstead of " << (other == whole.sink.lines.end() ? "nothing" : *other);
  }
}

TEST(FlowDecoder, BatchesStayBounded) {
  std::string text = v2_header;
  for (int i = 0; i < 10'000; ++i) text += "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 100 160 ACCEPT OK\n";
  const auto run = decode(text, best_flow_split, text.size());
  EXPECT_EQ(run.records, 10'000U);
  EXPECT_LE(run.sink.largest_batch, 4'096U);
  EXPECT_GT(run.sink.largest_batch, 500U);
}

TEST(FlowLayout, TellsHeadersFromData) {
  EXPECT_TRUE(flow_layout_from("version account-id")->missing == "srcaddr, dstaddr, start");
  EXPECT_TRUE(flow_layout_from("srcaddr dstaddr end a-new-field another_one").has_value());
  EXPECT_FALSE(flow_layout_from("srcaddr some other words"));
  EXPECT_FALSE(flow_layout_from("2 123 eni-1"));
  EXPECT_FALSE(flow_layout_from(""));
  EXPECT_TRUE(flow_layout_from("tgw-id srcaddr")->transit_gateway);
}

}  // namespace
}  // namespace picket
