#include "source/firehose.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "base/base64.h"
#include "base/gzip.h"

namespace picket {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::string_view trail =
    R"({"eventVersion":"1.08","eventSource":"iam.amazonaws.com","eventName":"CreateUser","userIdentity":{}})";
constexpr TimeMs now = 1'800'000'000'000;

class Firehose : public testing::Test {
 protected:
  ~Firehose() override { fs::remove_all(folder_); }

  static std::string body(std::string_view id, const std::vector<std::string>& records) {
    std::string out = R"({"requestId":")" + std::string(id) + R"(","timestamp":1800000000000,"records":[)";
    for (const std::string& record : records) {
      if (&record != &records.front()) out += ',';
      out += R"({"data":")" + to_base64(record) + "\"}";
    }
    return out + "]}";
  }
  FirehoseAnswer send(std::string_view body, std::vector<aws::HttpHeader> more = {},
                      std::string_view key = "new key", std::string_view method = "POST") {
    std::vector<aws::HttpHeader> headers{{"X-Amz-Firehose-Protocol-Version", "1.0"},
                                         {"X-Amz-Firehose-Request-Id", "id-1"},
                                         {"X-Amz-Firehose-Access-Key", key}};
    headers.insert(headers.begin(), more.begin(), more.end());
    return source_.handle({.method = method, .path = "/trail", .headers = headers, .body = body});
  }

  const fs::path folder_ = fs::temp_directory_path() / ("picket_firehose_" + std::to_string(::getpid()));
  Inbox inbox_{folder_.string(), 4096, [] { return now; }};
  const bool recovered_ = inbox_.recover().has_value();
  const FirehoseSettings settings_{.name = "trail",
                                   .place = "firehose://127.0.0.1:8088/trail",
                                   .path = "/trail",
                                   .origin = RecordOrigin(),
                                   .access_keys = {"old key", "new key"}};
  FirehoseSource source_{settings_, inbox_, [] { return now; }};
};

TEST(FirehoseUrl, NamesAnAddressAndAPath) {
  using Place = std::pair<std::string, std::string>;
  EXPECT_EQ(parse_firehose_url("firehose://0.0.0.0:8088/trail"), (Place{"0.0.0.0:8088", "/trail"}));
  EXPECT_EQ(parse_firehose_url("firehose://[::1]:80"), (Place{"[::1]:80", "/"}));
  for (const char* url : {"", "firehose://", "firehose://:1/x", "firehose://host/x", "https://h:1/x"})
    EXPECT_FALSE(parse_firehose_url(url)) << url;
}

TEST_F(Firehose, AnswersWhenTheRecordsAreStored) {
  const auto answer = send(body("id-1", {std::string(trail), "junk"}));
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, R"({"requestId":"id-1","timestamp":1800000000000})");
  EXPECT_THAT(answer.headers, testing::Contains(testing::Pair("Content-Type", "application/json")));
  const auto objects = inbox_.take();
  ASSERT_EQ(objects.size(), 2U);
  EXPECT_EQ(objects[0].key, "request-id-1.0");
  EXPECT_EQ(objects[0].size, trail.size() + 1);
  EXPECT_EQ(objects[1].key, "request-id-1.1.refused");
  EXPECT_EQ(source_.status().records, 2U);
}

TEST_F(Firehose, KnowsARepetition) {
  const std::string request = body("id-1", {std::string(trail)});
  EXPECT_EQ(send(request).status, 200U);
  EXPECT_EQ(send(gzip(request), {{"Content-Encoding", "gzip"}}, "old key").status, 200U);
  EXPECT_EQ(inbox_.take().size(), 1U);
  EXPECT_EQ(source_.status().repeated, 1U);
}

TEST_F(Firehose, RefusesWithTheReason) {
  const std::string good = body("id-1", {std::string(trail)});
  const auto refused = [&](unsigned status, std::string_view why, const FirehoseAnswer& answer) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(why));
    EXPECT_THAT(answer.body, HasSubstr(R"("requestId":)"));
  };
  refused(401, "access key", send(good, {}, "wrong"));
  refused(401, "access key", send(good, {}, ""));
  refused(405, "POST", send(good, {}, "new key", "GET"));
  refused(400, "not 1.0", send(good, {{"X-Amz-Firehose-Protocol-Version", "2.0"}}));
  refused(400, "Request-Id is missing", send(good, {{"X-Amz-Firehose-Request-Id", ""}}));
  refused(400, "not the one of the header", send(body("id-2", {std::string(trail)})));
  refused(400, "not JSON", send(good.substr(0, good.size() - 1)));
  refused(400, "no list of records", send(R"({"requestId":"id-1"})"));
  refused(400, "has no data", send(R"({"requestId":"id-1","records":[{}]})"));
  refused(400, "cannot be unpacked", send("\x1f\x8b broken", {{"Content-Encoding", "gzip"}}));
  refused(415, "not gzip", send(good, {{"Content-Encoding", "br"}}));
  refused(400, "commonAttributes", send(good, {{"X-Amz-Firehose-Common-Attributes", "{}"}}));
  refused(413, "more than 10000 records", send(body("id-1", std::vector<std::string>(10'001))));
  EXPECT_TRUE(inbox_.take().empty());
  EXPECT_EQ(source_.status().refused, 13U);
  EXPECT_FALSE(source_.status().failing) << "the sender's fault";
}

TEST_F(Firehose, FillsInWhatTheConfigurationLeavesOpen) {
  const std::string flow =
      "2 - eni-0a1b2c3d4e5f60718 10.0.0.5 203.0.113.9 1 443 6 1 40 1757840000 1757840060 ACCEPT OK";
  send(body("id-1", {flow}),
       {{"X-Amz-Firehose-Source-Arn", "arn:aws:firehose:eu-west-1:111122223333:deliverystream/flows"},
        {"X-Amz-Firehose-Common-Attributes", R"({"commonAttributes":{"account":"777788889999"}})"}});
  const auto objects = inbox_.take();
  ASSERT_EQ(objects.size(), 1U);
  EXPECT_EQ(objects[0].origin.account, "777788889999");
  EXPECT_EQ(objects[0].origin.region, "eu-west-1");
}

TEST_F(Firehose, IsPutOffWhileTheInboxIsFull) {
  std::string noise;  // which takes room when it is packed too
  for (std::minstd_rand random(1); noise.size() < 16384;) noise += static_cast<char>('A' + random() % 26);
  const std::string large =
      std::string(trail.substr(0, trail.size() - 1)) + ",\"errorMessage\":\"" + noise + "\"}";
  EXPECT_EQ(send(body("id-1", {large})).status, 200U);
  const auto answer = send(body("id-1", {std::string(trail)}));
  EXPECT_EQ(answer.status, 503U);
  EXPECT_THAT(answer.headers, testing::Contains(testing::Pair("Retry-After", "10")));
  EXPECT_EQ(source_.status().put_off, 1U);
}

}  // namespace
}  // namespace picket
