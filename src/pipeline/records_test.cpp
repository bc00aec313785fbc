#include "pipeline/records.h"

#include <gmock/gmock.h>

#include "base/gzip.h"

namespace picket {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::map<std::uint64_t, std::string> read(const std::string& bytes, const ObjectInfo& info,
                                          const std::set<std::uint64_t>& positions) {
  return read_records([&] { return Result<std::unique_ptr<ByteSource>>(memory_source(bytes)); }, info,
                      positions)
      .value();
}

TEST(Records, FlowsAreTheLinesOfTheirLog) {
  const std::string header =
      "interface-id srcaddr dstaddr start end bytes packets protocol pkt-srcaddr tcp-flags\n";
  const std::string one = "eni-1 10.0.0.1 192.0.2.1 1789539600 1789539658 90 2 6 10.0.7.7 19";
  const std::string two = "eni-1 10.0.0.2 192.0.2.1 1789539600 1789539658 91 2 6 10.0.7.8 2";
  const ObjectInfo info{.key = "flows.log.gz", .account = "111122223333"};
  for (const char* const end : {"\n", "\r\n"}) {
    const std::string text = header + one + end + two;
    EXPECT_THAT(read(gzip(text), info, {2, 3}), ElementsAre(Pair(2, one), Pair(3, two)));
    EXPECT_THAT(read(text, info, {1, 3, 4}), ElementsAre(Pair(3, two))) << "the header is no flow";
  }
}

TEST(Records, FlowsOutOfAnEnvelopeAreToldByTheirColumns) {
  const std::string text =
      R"({"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"flows","logStream":"eni-1-all","logEvents":[)"
      R"({"id":"1","timestamp":1789539600000,"message":"2 111122223333 eni-1 10.0.0.1 192.0.2.1 443 5000 6 2 90 1789539600 1789539658 ACCEPT OK"}]})";
  const auto found = read(text, {.key = "pushed"}, {1});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found.at(1), testing::HasSubstr("10.0.0.1 192.0.2.1 443 5000"));
  EXPECT_FALSE(found.at(1).starts_with('{'));
}

TEST(Records, JsonRecordsAreAsTheyWereWritten) {
  const std::string record =
      R"({ "eventSource":"iam.amazonaws.com", "eventName":"ListUsers","eventTime":"2026-09-14T10:00:00Z","eventID":"1"})";
  EXPECT_THAT(read("{\"Records\":[" + record + "," + record + "]}", {.key = "trail"}, {2}),
              ElementsAre(Pair(2, record)));
}

TEST(Records, WhatCannotBeReadIsSaid) {
  const auto found =
      read_records([]() -> Result<std::unique_ptr<ByteSource>> { return fail(ErrorKind::io, "gone", "x"); },
                   {.key = "x"}, {1});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::io);
}

}  // namespace
}  // namespace picket
