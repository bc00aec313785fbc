#include "source/notification.h"

#include <gtest/gtest.h>

#include "base/json_writer.h"

namespace picket {
namespace {

constexpr std::string_view direct = R"({"Records": [
  {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
   "s3": {"bucket": {"name": "b"}, "object": {"key": "a+b%2Bc/%C3%A9.gz", "eTag": "\"e1\"", "size": 3}}},
  {"eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete",
   "s3": {"bucket": {"name": "b"}, "object": {"key": "old.gz"}}}]})";

void expect_direct(const std::optional<Notification>& told) {
  ASSERT_TRUE(told);
  EXPECT_FALSE(told->test);
  ASSERT_EQ(told->objects.size(), 1U);
  EXPECT_EQ(told->objects[0].bucket, "b");
  EXPECT_EQ(told->objects[0].key, "a b+c/é.gz");
  EXPECT_EQ(told->objects[0].etag, "e1");
  EXPECT_EQ(told->buckets.size(), 2U);
}

TEST(Notification, OfS3) { expect_direct(read_notification(direct)); }

TEST(Notification, WrappedBySns) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("Type", "Notification");
  json.member("Message", direct);
  json.end_object();
  expect_direct(read_notification(text));
  // Once: nobody wraps twice.
  std::string twice;
  JsonWriter outer(twice);
  outer.begin_object();
  outer.member("Type", "Notification");
  outer.member("Message", text);
  outer.end_object();
  EXPECT_FALSE(read_notification(twice));
}

TEST(Notification, OfEventBridgeHasItsKeyAsItIs) {
  const auto told = read_notification(R"({"source": "aws.s3", "detail-type": "Object Created",
      "detail": {"bucket": {"name": "b"}, "object": {"key": "a+b%2Bc.gz", "etag": "e1"}}})");
  ASSERT_TRUE(told);
  ASSERT_EQ(told->objects.size(), 1U);
  EXPECT_EQ(told->objects[0].key, "a+b%2Bc.gz");
  const auto removed = read_notification(R"({"source": "aws.s3", "detail-type": "Object Deleted",
      "detail": {"bucket": {"name": "b"}, "object": {"key": "a"}}})");
  ASSERT_TRUE(removed);
  EXPECT_TRUE(removed->objects.empty());
  EXPECT_EQ(removed->buckets, std::vector<std::string>{"b"});
}

TEST(Notification, TestOfS3) {
  const auto told = read_notification(R"({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})");
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->test);
  EXPECT_EQ(told->buckets, std::vector<std::string>{"b"});
}

TEST(Notification, IsNoneOfThese) {
  for (const char* text :
       {"", "hello", "[]", "{}", R"({"Records": [{"eventSource": "aws:sqs"}]})", R"({"Records": [1]})",
        R"({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "b"}, "object": {"key": "a"}}}]})",
        R"({"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": "b"}}})",
        R"({"Type": "Notification", "Message": 3})"})
    EXPECT_FALSE(read_notification(text)) << text;
}

}  // namespace
}  // namespace picket
