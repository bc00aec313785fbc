#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "decode/listing_sink.h"

namespace picket {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

struct Seen {
  std::uint64_t position = 0;
  std::string name, source, id, user, issuer, agent, parameters, raw, error;
  TimeMs time = 0;
  std::optional<IpAddress> ip;
  std::optional<bool> read_only;
};

struct CloudTrailSink : ListingSink {
  std::vector<Seen> seen;
  std::vector<Quarantined> set_aside;
  void on_cloudtrail(const CloudTrailEvent& e, std::uint64_t position) override {
    ListingSink::on_cloudtrail(e, position);
    seen.push_back({position, std::string(e.event_name), std::string(e.event_source), std::string(e.event_id),
                    std::string(e.user_identity.arn), std::string(e.user_identity.session_issuer.arn),
                    std::string(e.user_agent), std::string(e.request_parameters.text()),
                    std::string(e.raw.text()), std::string(e.error_code), e.event_time, e.source_ip,
                    e.read_only});
  }
  void on_quarantined(LogKind kind, const Quarantined& record) override {
    ListingSink::on_quarantined(kind, record);
    set_aside.push_back(record);
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> out;
    for (const Seen& one : seen) out.push_back(one.id);
    return out;
  }
};

// Feeds `text` in pieces of `window` bytes, as decode_object does, with 64 bytes behind each.
CloudTrailSink decode(const std::string& text, std::size_t window = SIZE_MAX, DecodeLimits limits = {}) {
  CloudTrailSink sink;
  const auto decoder = make_cloudtrail_decoder({}, limits, sink);
  std::string carry;
  std::size_t at = 0;
  while (true) {
    const std::size_t take = std::min(window, text.size() - at);
    carry += text.substr(at, take);
    at += take;
    const bool last = at == text.size();
    std::vector<char> buffer(carry.begin(), carry.end());
    buffer.resize(buffer.size() + 64, '~');
    const std::size_t used = decoder->feed(buffer.data(), carry.size(), last);
    EXPECT_LE(used, carry.size());
    EXPECT_EQ(buffer[carry.size()], '~') << "the byte behind the text must be put back";
    carry.erase(0, used);
    if (last) {
      EXPECT_TRUE(carry.empty()) << "everything must be consumed at the end";
      decoder->end();
      break;
    }
  }
  EXPECT_EQ(decoder->records_read(), sink.seen.size() + sink.filtered + sink.quarantined);
  return sink;
}

std::string record(const std::string& id, const std::string& more = "") {
  return R"({"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/alice"},)"
         R"("eventTime":"2026-09-14T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"us-east-1",)"
         R"("sourceIPAddress":"198.51.100.7","userAgent":"aws-cli/2","requestParameters":{"bucketName":"b","list":[{"a":1},{"b":"},{\"x\""}]},)"
         R"("responseElements":null,"eventID":")" +
         id + R"(","readOnly":true)" + more + "}";
}

std::string records(int count) {
  std::string text = R"({"Records":[)";
  for (int i = 0; i < count; ++i) text += (i ? "," : "") + record(std::to_string(i));
  return text + "]}";
}

TEST(CloudTrail, ReadsEveryMember) {
  const CloudTrailSink sink = decode(
      R"({"Records":[{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROA:i-1","arn":"arn:aws:sts::1:assumed-role/r/i-1",)"
      R"("accountId":"1","accessKeyId":"ASIA","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA","arn":"arn:aws:iam::1:role/r",)"
      R"("accountId":"1","userName":"r"},"attributes":{"creationDate":"2026-09-14T09:00:00Z","mfaAuthenticated":"false"},"ec2RoleDelivery":"2.0"}},)"
      R"("eventTime":"2026-09-14T10:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","awsRegion":"eu-west-1",)"
      R"("sourceIPAddress":"2001:db8::1","userAgent":"a \"quoted\" caf\u00e9 \ud83d\ude00 agent","errorCode":"Client.UnauthorizedOperation",)"
      R"("requestParameters":{"n": 1},"eventID":"e1","readOnly":false,"recipientAccountId":"1"}]})");
  ASSERT_THAT(sink.seen, SizeIs(1));
  const Seen& e = sink.seen[0];
  EXPECT_EQ(e.position, 1U);
  EXPECT_EQ(e.name, "RunInstances");
  EXPECT_EQ(e.issuer, "arn:aws:iam::1:role/r");
  EXPECT_EQ(e.agent, "a \"quoted\" caf\u00e9 \U0001F600 agent");
  EXPECT_EQ(e.parameters, R"({"n": 1})");
  EXPECT_EQ(e.error, "Client.UnauthorizedOperation");
  EXPECT_EQ(e.read_only, false);
  EXPECT_EQ(e.ip, IpAddress::parse("2001:db8::1"));
  EXPECT_EQ(e.time, parse_time("2026-09-14T10:00:00Z"));
  EXPECT_TRUE(e.raw.starts_with(R"({"eventVersion")") && e.raw.ends_with(R"("recipientAccountId":"1"})"));
}

TEST(CloudTrail, ReadsEveryContainer) {
  const std::string a = record("a"), b = record("b");
  std::string quoted;
  for (const char c : a) quoted += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  for (const std::string& text : {
           R"({"Records":[)" + a + "," + b + "]}",
           R"({ "Records" : [ )" + a + " ,\n  " + b + " ] }\n",
           R"({"x":{"Records":[1]},"Records":[)" + a + "," + b + R"(],"NextToken":"n"})",
           "[" + a + "," + b + "]",
           a + "\n" + b + "\n",
           a + "\r\n\r\n" + b,
           a + b,
           "\xef\xbb\xbf" + a + "\n" + b,
           R"({"Records":[)" + a + R"(]}{"Records":[)" + b + "]}",
           R"({"version":"0","detail-type":"AWS API Call via CloudTrail","detail":)" + a + "}\n" +
               R"({"version":"0","detail":)" + b + "}",
           R"({"rule":"r","expected":true,"event":)" + a + "}\n" + R"({"rule":"r","event":)" + b + "}",
           R"({"Events":[{"EventId":"a","EventName":"GetObject","CloudTrailEvent":")" + quoted +
               R"("}],"NextToken":"x"})" + "\n" + b,
           R"({"QueryStatus":"FINISHED","QueryResultRows":[[{"eventID":"a"},{"eventJson":")" + quoted +
               R"("}]]})" + b,
       }) {
    for (const std::size_t window : {SIZE_MAX, std::size_t{700}, std::size_t{97}, std::size_t{7}}) {
      const CloudTrailSink sink = decode(text, window);
      EXPECT_THAT(sink.ids(), ElementsAre("a", "b")) << window << ": " << text;
      EXPECT_EQ(sink.quarantined, 0U) << window << ": " << text;
    }
  }
}

TEST(CloudTrail, ReadsLowerCaseExportsAndElasticLines) {
  const CloudTrailSink sink = decode(
      R"({"eventtime":"2023-01-10 21:04:02.5","eventname":"Hide","eventsource":"s3.amazonaws.com","eventid":"low","useridentity":{"type":"IAMUser"}})"
      "\n"
      R"({"@version":"1","@timestamp":"2020-09-14T00:44:23.000Z","eventName":"DescribeInstances","eventSource":"ec2.amazonaws.com","eventID":"elastic"})");
  EXPECT_THAT(sink.ids(), ElementsAre("low", "elastic"));
  EXPECT_EQ(sink.seen[0].time, parse_time("2023-01-10T21:04:02.500Z"));
  EXPECT_EQ(sink.seen[1].time, parse_time("2020-09-14T00:44:23Z"));
}

TEST(CloudTrail, FiltersInsightsDigestsAndForeignEvents) {
  const CloudTrailSink sink = decode(
      R"({"Records":[{"eventVersion":"1.07","eventTime":"2026-09-14T10:00:00Z","eventType":"AwsCloudTrailInsight","eventID":"i","eventCategory":"Insight",)"
      R"("insightDetails":{"state":"Start","eventSource":"ec2.amazonaws.com","eventName":"RunInstances"}}]})"
      R"({"awsAccountId":"1","digestStartTime":"2026-09-14T10:00:00Z","logFiles":[]})"
      R"({"detail-type":"GuardDuty Finding","source":"aws.guardduty","detail":{"schemaVersion":"2.0"}})");
  EXPECT_THAT(sink.lines, ElementsAre("1 filtered insight_event", "2 filtered digest",
                                      "3 filtered other_eventbridge_event"));
}

TEST(CloudTrail, GivesUpAnObjectOfNothing) {
  std::string nothing;
  for (int i = 0; i < 5000; ++i) nothing += i == 0 ? "{}" : ",{}";
  for (const std::size_t window : {SIZE_MAX, std::size_t{1000}}) {
    CloudTrailSink sink = decode(R"({"Records":[)" + nothing + "," + record("late") + "]}", window);
    EXPECT_THAT(sink.ids(), SizeIs(0)) << window;
    ASSERT_THAT(sink.set_aside, SizeIs(1001)) << window;
    EXPECT_EQ(sink.set_aside.back().offset, 12U + 1000 * 3 - 1) << window;
    EXPECT_GT(sink.set_aside.back().length, 12000U) << window;
    sink = decode(R"({"Records":[)" + record("early") + "," + nothing + "," + record("late") + "]}", window);
    EXPECT_THAT(sink.ids(), ElementsAre("early", "late")) << window;
    EXPECT_THAT(sink.set_aside, SizeIs(5000)) << window;
  }
}

TEST(CloudTrail, GivesUpAnObjectOfLongRecordsThatAreNone) {
  const std::string deep = R"({"eventTime":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  const auto text = [&](std::uint64_t many) {
    std::string out = R"({"Records":[)";
    for (std::uint64_t i = 0; i < many; ++i) out += deep + ",";
    return out + record("a") + "]}";
  };
  EXPECT_EQ(decode(text(20)).quarantined, hopeless_long_after + 1);
  EXPECT_EQ(decode(text(hopeless_long_after - 1)).events, 1U);
}

TEST(CloudTrail, SetsAsideWhatCannotBeTrusted) {
  const auto reason_of = [](const std::string& bad, DecodeLimits limits = {}) {
    const CloudTrailSink sink = decode(
        R"({"Records":[)" + record("before") + "," + bad + "," + record("after") + "]}", SIZE_MAX, limits);
    EXPECT_THAT(sink.ids(), ElementsAre("before", "after")) << bad;
    EXPECT_THAT(sink.set_aside, SizeIs(1)) << bad;
    if (sink.set_aside.empty()) return std::string{};
    EXPECT_EQ(sink.set_aside[0].position, 2U);
    EXPECT_EQ(sink.set_aside[0].offset, 12 + record("before").size() + 1) << bad;
    return std::string(sink.set_aside[0].reason);
  };
  EXPECT_EQ(reason_of(R"({"eventName":"X","eventSource":"s3.amazonaws.com"})"), "no_event_time");
  EXPECT_EQ(reason_of(R"({"eventName":"X","eventSource":"s","eventTime":"yesterday"})"), "bad_event_time");
  EXPECT_EQ(reason_of(R"({"hello":"world"})"), "not_cloudtrail");
  EXPECT_EQ(reason_of(record("x", R"(,"eventName":"DeleteTrail")")), "duplicate_member");
  EXPECT_EQ(reason_of(record("x", R"(,"event\u004eame":"DeleteTrail")")), "duplicate_member");
  EXPECT_EQ(
      reason_of(
          R"({"eventName":"X","eventSource":"s","eventTime":"2026-09-14T10:00:00Z","userIdentity":{"type":"Root","type":"IAMUser"}})"),
      "duplicate_member");
  EXPECT_EQ(reason_of(record("x", R"(,"errorCode":"\q")")), "bad_json");
  EXPECT_EQ(reason_of(record("x", ",\"errorCode\":\"\xff\xfe\"")), "invalid_utf8");
  EXPECT_EQ(reason_of(record("x", ",\"errorCode\":\"a\nb\"")), "bad_json");
  EXPECT_EQ(reason_of(record("x", R"(,"a" 1)")), "bad_json");
  EXPECT_EQ(reason_of(record("x", R"(,"a":nul)")), "bad_json");
  EXPECT_THAT(decode(record("x", R"(,"deep":)" + std::string(63, '[') + std::string(63, ']'))).seen,
              SizeIs(1));
  EXPECT_EQ(reason_of(record("x", R"(,"deep":)" + std::string(64, '[') + std::string(64, ']'))), "too_deep");
  DecodeLimits small;
  small.record_bytes_max = 4000;
  EXPECT_EQ(reason_of(record("x", R"(,"long":")" + std::string(4000, 'x') + '"'), small), "record_too_large");
}

TEST(CloudTrail, ResynchronisesAtTheNextRecord) {
  const std::string a = record("a"), b = record("b"), c = record("c");
  for (const std::string& bad : {
           b.substr(0, b.size() - 1),         // a bracket missing
           b.substr(0, 40),                   // cut in a string
           b.substr(0, 200) + b.substr(201),  // some byte missing, wherever it falls
           std::string("garbage"), std::string("}]}"), std::string("\"a string\""),
           std::string(R"({"eventVersion":"1.08","userIdentity:{"type":"IAMUser"})"),  // a quote missing
       }) {
    for (const std::size_t window : {SIZE_MAX, std::size_t{611}, std::size_t{64}}) {
      const CloudTrailSink sink = decode(R"({"Records":[)" + a + "," + bad + "," + c + "]}", window);
      EXPECT_EQ(sink.seen.front().id, "a") << bad;
      EXPECT_EQ(sink.seen.back().id, "c") << window << " " << bad;
      EXPECT_LE(sink.seen.size(), 3U);
      EXPECT_THAT(sink.set_aside, SizeIs(sink.seen.size() == 3 ? 0 : 1)) << window << " " << bad;
    }
  }
}

TEST(CloudTrail, ReportsTheByteRangeOfABrokenSpan) {
  const std::string before = R"({"Records":[)" + record("a") + ",", bad = R"({"eventVersion":"1.08",,})";
  const CloudTrailSink sink = decode(before + bad + "," + record("c") + "]}");
  ASSERT_THAT(sink.set_aside, SizeIs(1));
  EXPECT_EQ(sink.set_aside[0].offset, before.size());
  EXPECT_GE(sink.set_aside[0].length, bad.size());
  EXPECT_LE(sink.set_aside[0].length, bad.size() + 1);
  EXPECT_EQ(sink.seen[1].position, 3U);
}

TEST(CloudTrail, DeliversCompleteRecordsOfACutObject) {
  const std::string text = records(3);
  const std::size_t two = text.find(record("2"));
  for (std::size_t size = two; size < text.size(); ++size) {
    const CloudTrailSink sink = decode(text.substr(0, size));
    EXPECT_EQ(sink.seen.size(), size >= text.size() - 2 ? 3U : 2U) << size;
    // Cut between two records nothing is unreadable, but nobody knows whether there were more.
    const bool ended = size >= text.size() - 1;
    EXPECT_EQ(sink.quarantined, ended ? 0U : 1U) << size;
  }
  EXPECT_EQ(decode(R"({"Records":[)").quarantined, 1U);
  EXPECT_EQ(decode(R"({"Records":[]})").quarantined, 0U);
}

TEST(CloudTrail, ReadsTheSameThroughAnyWindow) {
  const std::string text = records(200);
  const CloudTrailSink whole = decode(text);
  ASSERT_THAT(whole.seen, SizeIs(200));
  for (const std::size_t window : {1U, 13U, 512U, 1000U, 4096U, 50000U}) {
    const CloudTrailSink sink = decode(text, window);
    EXPECT_EQ(sink.ids(), whole.ids()) << window;
    EXPECT_EQ(sink.quarantined, 0U) << window;
  }
}

TEST(CloudTrail, PassesOverARecordLargerThanAnyWindow) {
  DecodeLimits limits;
  limits.record_bytes_max = 2000;
  const std::string text =
      R"({"Records":[)" + record("a") + "," +
      record("big", R"(,"x":")" + std::string(50000, 'x') + R"(","y":{"z":[)" + record("inner") + "]}") +
      "," + record("c") + "]}";
  for (const std::size_t window : {SIZE_MAX, std::size_t{3000}, std::size_t{501}}) {
    const CloudTrailSink sink = decode(text, window, limits);
    EXPECT_THAT(sink.ids(), ElementsAre("a", "c")) << window;
    ASSERT_THAT(sink.set_aside, SizeIs(1)) << window;
    EXPECT_EQ(sink.set_aside[0].reason, "record_too_large");
    EXPECT_GT(sink.set_aside[0].length, 50000U);
  }
}

TEST(CloudTrail, NeverReadsARecordInsideARecord) {
  const CloudTrailSink sink =
      decode(R"({"Records":[)" +
             record("a", R"(,"serviceEventDetails":{"Records":[)" + record("inner") + "]}") + "]}");
  EXPECT_THAT(sink.ids(), ElementsAre("a"));
  EXPECT_EQ(sink.quarantined, 0U);
}

}  // namespace
}  // namespace picket
