#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <random>
#include <string>
#include <vector>

#include "decode/decoder.h"
#include "decode/listing_sink.h"
#include "decode/refused.h"
#include "decode/sniff.h"

namespace picket {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const char* const delivery_key =
    "AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/14/"
    "111122223333_CloudTrail_us-east-1_20260914T1000Z_abc.json.gz";

std::string gzip(const std::string& text) {
  std::vector<std::uint8_t> level_buffer(ISAL_DEF_LVL1_DEFAULT);
  isal_zstream stream;
  isal_deflate_init(&stream);
  stream.level = 1;
  stream.level_buf = level_buffer.data();
  stream.level_buf_size = static_cast<std::uint32_t>(level_buffer.size());
  std::string in = text, out(text.size() + 1024, '\0');
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.next_in = reinterpret_cast<std::uint8_t*>(in.data());
  stream.avail_in = static_cast<std::uint32_t>(in.size());
  stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  stream.avail_out = static_cast<std::uint32_t>(out.size());
  EXPECT_EQ(isal_deflate(&stream), COMP_OK);
  out.resize(stream.total_out);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string records(int from, int to) {
  std::string text = R"({"Records":[)";
  for (int i = from; i < to; ++i) {
    if (i > from) text += ',';
    text += fmt::format(
        R"({{"eventVersion":"1.08","userIdentity":{{"type":"Root"}},"eventTime":"2026-09-14T10:00:00Z","eventSource":"s3.amazonaws.com",)"
        R"("eventName":"GetObject","eventID":"{}"}})",
        i);
  }
  return text + "]}";
}

struct Decoded {
  DecodeReport report;
  ListingSink sink;
};

Decoded decode(const std::string& bytes, ObjectInfo info = {}, DecodeLimits limits = {}) {
  Decoded decoded;
  const auto source = memory_source(bytes);
  decoded.report = decode_object(*source, info, limits, decoded.sink);
  EXPECT_EQ(decoded.report.records_read, decoded.sink.lines.size());
  return decoded;
}

Decoded decode_at(const std::string& key, const std::string& bytes, DecodeLimits limits = {}) {
  ObjectInfo info;
  info.key = key;
  return decode(bytes, info, limits);
}

TEST(Object, UndoesCompression) {
  // Larger than any window, so that reading goes on between them.
  const std::string text = records(0, 20000);
  for (const std::string& bytes : {text, gzip(text), zstd(text), gzip(gzip(text)), zstd(text) + zstd("\n")}) {
    const Decoded decoded = decode(bytes);
    EXPECT_EQ(decoded.report.verdict, ObjectVerdict::decoded);
    EXPECT_EQ(decoded.report.kind, LogKind::cloudtrail);
    EXPECT_EQ(decoded.report.reason, "");
    EXPECT_EQ(decoded.report.records_read, 20000U);
    EXPECT_EQ(decoded.sink.quarantined, 0U);
    EXPECT_EQ(decoded.report.bytes_in, bytes.size());
    EXPECT_GE(decoded.report.bytes_decoded, text.size());
  }
}

TEST(Object, ReadsAllMembersAndMarksThoseBehindTheFirst) {
  for (const int count : {1, 5000}) {
    const std::string both = gzip(records(0, count)) + gzip(records(count, count + 3));
    const Decoded delivered = decode_at(delivery_key, both);
    EXPECT_EQ(delivered.report.records_read, static_cast<std::uint64_t>(count) + 3);
    EXPECT_EQ(delivered.report.first_unverified_position, static_cast<std::uint64_t>(count) + 1);
    EXPECT_EQ(decode_at("elsewhere/x.json.gz", both).report.first_unverified_position, 0U);
  }
  EXPECT_EQ(decode_at(delivery_key, gzip(records(0, 3))).report.first_unverified_position, 0U);
}

TEST(Object, IgnoresPaddingAndRemarksOnGarbage) {
  EXPECT_EQ(decode(gzip(records(0, 2)) + std::string(1000, '\0')).report.reason, "");
  const Decoded decoded = decode(gzip(records(0, 2)) + "garbage");
  EXPECT_EQ(decoded.report.verdict, ObjectVerdict::decoded);
  EXPECT_EQ(decoded.report.records_read, 2U);
  EXPECT_THAT(decoded.report.reason, HasSubstr("not read"));
}

TEST(Object, DeliversWhatComesBeforeACut) {
  for (const auto& [bytes, what] :
       {std::pair(gzip(records(0, 3000)), "gzip"), std::pair(zstd(records(0, 3000)), "zstd")}) {
    const Decoded decoded = decode_at(delivery_key, bytes.substr(0, bytes.size() - bytes.size() / 10));
    EXPECT_EQ(decoded.report.verdict, ObjectVerdict::failed) << what;
    EXPECT_THAT(decoded.report.reason, HasSubstr("ends early")) << what;
    EXPECT_EQ(decoded.report.kind, LogKind::cloudtrail);
    EXPECT_LE(decoded.sink.quarantined, 1U) << what;
  }
  const std::string bytes = gzip(records(0, 3000));
  const Decoded decoded = decode(bytes.substr(0, bytes.size() - 4));  // only the trailer is cut
  EXPECT_EQ(decoded.report.verdict, ObjectVerdict::failed);
  EXPECT_EQ(decoded.sink.events, 3000U);
}

TEST(Object, TellsDamage) {
  std::string bytes = gzip(records(0, 100));
  bytes[bytes.size() - 6] = static_cast<char>(~bytes[bytes.size() - 6]);
  const Decoded decoded = decode(bytes);
  EXPECT_EQ(decoded.report.verdict, ObjectVerdict::failed);
  EXPECT_THAT(decoded.report.reason, HasSubstr("checksum"));
  EXPECT_EQ(decoded.sink.events, 100U);
}

TEST(Object, StopsABombAtTheCap) {
  const std::string text = records(0, 10) + std::string(128 << 20, ' ');
  DecodeLimits limits;
  limits.object_bytes_max = 1 << 20;
  limits.ratio_max = 2000;
  const Decoded by_size = decode(gzip(text), {}, limits);
  EXPECT_EQ(by_size.report.verdict, ObjectVerdict::failed);
  EXPECT_THAT(by_size.report.reason, HasSubstr("larger than 1048576 bytes"));
  EXPECT_EQ(by_size.sink.events, 10U);
  EXPECT_LT(by_size.report.bytes_decoded, 2U << 20);
  limits = {};
  limits.ratio_max = 100;
  const Decoded by_ratio = decode(gzip(text), {}, limits);
  EXPECT_EQ(by_ratio.report.verdict, ObjectVerdict::failed);
  EXPECT_THAT(by_ratio.report.reason, HasSubstr("bomb"));
  EXPECT_EQ(by_ratio.sink.events, 10U);
  EXPECT_LT(by_ratio.report.bytes_decoded, 2U << 20);
}

// Below the limit of the whole: pieces of noise among blanks, empty lines, records of which none can be read.
TEST(Object, StopsWhereTextHoldsNoRecord) {
  std::string noise, lines, nothing;
  std::mt19937 random(1);
  while (noise.size() < 32U << 20) {
    noise.append(128U << 10, ' ');
    for (int i = 0; i < 64; ++i) noise += fmt::format("{:08x}", random());
  }
  while (lines.size() < 32U << 20) lines.append(random() % 1000, '\n').append(random() % 2 + 1, '\r');
  while (nothing.size() < 32U << 20) {
    nothing += fmt::format(R"({{"eventTime":"{:08x}","x":")", random());
    nothing.append(16U << 10, 'x').append("\"},");
  }
  const std::string flows =
      "2 111122223333 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1780000000 1780000060 ACCEPT OK\n";
  const std::string trail = records(0, 10);
  const std::string trail_start = trail.substr(0, trail.size() - 2) + ",";
  for (const auto& [good, bad, events] : {std::tuple{trail_start, noise, 10U}, std::tuple{flows, lines, 1U},
                                          std::tuple{trail_start, nothing, 10U}}) {
    const std::string packed = gzip(good + bad);
    ASSERT_LT((good.size() + bad.size()) / packed.size(), DecodeLimits{}.ratio_max);
    const Decoded decoded = decode(packed);
    EXPECT_EQ(decoded.report.verdict, ObjectVerdict::failed);
    EXPECT_THAT(decoded.report.reason, HasSubstr("belong to no record"));
    EXPECT_EQ(decoded.sink.events, events);
    EXPECT_LT(decoded.report.bytes_decoded, 33 * packed.size() + (2U << 20));
  }
  // Not what is packed less, however much of it there is.
  EXPECT_EQ(decode(noise).report.verdict, ObjectVerdict::not_a_log);
  const Decoded plain = decode(trail_start + noise);
  EXPECT_EQ(plain.report.verdict, ObjectVerdict::decoded);
  EXPECT_EQ(plain.sink.events, 10U);
}

TEST(Object, TellsLogsFromOtherThings) {
  const std::string junk("\x00\x01\x02\xff junk", 9);
  struct Case {
    std::string key, bytes;
    ObjectVerdict verdict;
    const char* reason;
  };
  const std::string config_key = "AWSLogs/111122223333/Config/us-east-1/2026/9/14/ConfigSnapshot/x.json.gz";
  for (
      const Case& c : {
          Case{"x.bin", junk, ObjectVerdict::not_a_log, "binary"},
          Case{delivery_key, junk, ObjectVerdict::failed, "by its key a cloudtrail log"},
          Case{delivery_key, gzip(junk), ObjectVerdict::failed, "by its key a cloudtrail log"},
          Case{delivery_key, "", ObjectVerdict::decoded, ""},
          Case{"x", "", ObjectVerdict::decoded, ""},
          Case{delivery_key, gzip(""), ObjectVerdict::decoded, ""},
          Case{delivery_key, R"({"Records":[]})", ObjectVerdict::decoded, ""},
          Case{"labels.csv", "eventID,class,what\n", ObjectVerdict::not_a_log, "CSV"},
          Case{"labels", "eventID,class,what\n", ObjectVerdict::not_a_log, "CSV"},
          Case{"README.md", "# CloudTrail\n", ObjectVerdict::not_a_log, "beside the logs"},
          Case{"x.json", R"({"name":"picket","version":"1"})", ObjectVerdict::not_a_log, "JSON"},
          Case{config_key, records(0, 1), ObjectVerdict::not_a_log, "another service"},
          Case{
              "n.json",
              R"({"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","userIdentity":{}}]})",
              ObjectVerdict::not_a_log, "notification"},
          Case{"o.json",
               R"({"class_uid":6003,"category_uid":6,"metadata":{"product":{"name":"CloudTrail"}}})",
               ObjectVerdict::failed, "Security Lake"},
          Case{"aws/CLOUD_TRAIL_MGMT/2.0/region=us-east-1/accountId=1/eventDay=20260914/x.gz.parquet", "PAR1",
               ObjectVerdict::failed, "Security Lake"},
      }) {
    const Decoded decoded = decode_at(c.key, c.bytes);
    EXPECT_EQ(decoded.report.verdict, c.verdict) << c.key << ' ' << c.bytes;
    EXPECT_THAT(decoded.report.reason, HasSubstr(c.reason)) << c.key;
    EXPECT_EQ(decoded.sink.lines.size(), 0U);
  }
  EXPECT_EQ(decode_at(delivery_key, "").report.kind, LogKind::cloudtrail);
}

TEST(Object, CountsWhatASourceSetAside) {
  const std::string lines = refused_line("tombstone", "") + refused_line("bad_json", "{\"a\": ") + "odd \n";
  const Decoded decoded = decode_at("logs/0/5-9.1" + std::string(refused_suffix), lines);
  EXPECT_EQ(decoded.report.verdict, ObjectVerdict::decoded);
  EXPECT_EQ(decoded.report.kind, LogKind::cloudtrail);
  EXPECT_EQ(decoded.sink.quarantined, 3U);
  EXPECT_THAT(decoded.sink.lines,
              ElementsAre(HasSubstr("tombstone"), HasSubstr("bad_json"), HasSubstr("refused")));
}

TEST(Object, UnwrapsCloudWatchLogs) {
  const std::string flow =
      "2 111122223333 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1789380000 1789380060 ACCEPT OK";
  const std::string record =
      R"({\"eventTime\":\"2026-09-14T10:00:00Z\",\n\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\"})";
  const auto data = [](const std::string& message) {
    return R"({"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":[{"id":"1","timestamp":1,"message":")" +
           message + R"("},{"id":"2","timestamp":1,"message":")" + message + "\\n\"}]}";
  };
  const std::string control =
      R"({"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","message":"CWL CONTROL MESSAGE"}]})";
  const auto events = [](const std::string& bytes, LogKind kind) {
    const Decoded decoded = decode(bytes);
    EXPECT_EQ(decoded.report.verdict, ObjectVerdict::decoded) << bytes;
    EXPECT_EQ(decoded.report.kind, kind) << bytes;
    EXPECT_EQ(decoded.sink.quarantined, 0U) << bytes;
    return decoded.sink.lines.size();
  };
  EXPECT_EQ(events(data(flow), LogKind::vpcflow), 2U);
  EXPECT_EQ(events(data(record), LogKind::cloudtrail), 2U);
  EXPECT_EQ(events(gzip(control + data(record) + data(record)), LogKind::cloudtrail), 4U);
  EXPECT_EQ(events(R"({"events":[{"timestamp":1,"message":")" + record + R"(","ingestionTime":2}]})",
                   LogKind::cloudtrail),
            1U);
  EXPECT_EQ(events("2026-09-14T10:00:00.000Z " + flow + "\n2026-09-14T10:00:01.000Z " + flow + "\n",
                   LogKind::vpcflow),
            2U);
  std::string plain = record;
  std::erase(plain, '\\');
  std::erase(plain, '\n');
  std::string many;
  for (int i = 0; i < 5000; ++i) many += data(record);
  EXPECT_EQ(events(gzip(many), LogKind::cloudtrail), 10000U);
}

TEST(Object, NamesTheClusterByLogGroup) {
  const std::string event =
      R"({\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"a\",\"stage\":\"ResponseComplete\",\"verb\":\"get\",)"
      R"(\"requestReceivedTimestamp\":\"2026-09-14T10:00:00Z\",\"stageTimestamp\":\"2026-09-14T10:00:00Z\",\"user\":{\"username\":\"u\"}})";
  const Decoded decoded = decode(
      R"({"messageType":"DATA_MESSAGE","logGroup":"/aws/eks/prod/cluster","logStream":"kube-apiserver-audit-1","logEvents":[{"message":")" +
      event + R"("}]})");
  ASSERT_EQ(decoded.sink.lines.size(), 1U);
  EXPECT_THAT(decoded.sink.lines[0], HasSubstr("cluster prod"));
}

TEST(Object, ReadsAPrefixForPlanners) {
  const std::string bytes = gzip(records(0, 5000));
  const auto source = memory_source(bytes);
  const std::string prefix = decoded_prefix(*source, 1000, {});
  EXPECT_EQ(prefix, records(0, 5000).substr(0, 1000));
  EXPECT_EQ(peek_first_time(prefix, LogKind::cloudtrail), parse_time("2026-09-14T10:00:00Z"));
}

}  // namespace
}  // namespace picket
