#include "aws/s3.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "aws/role_key.h"
#include "aws/sqs.h"

namespace picket::aws {
namespace {

TEST(S3Url, NamesAPlace) {
  const std::optional<S3Place> plain = S3Place{"my-bucket", "lists/block.txt", ""};
  EXPECT_EQ(parse_s3_url("s3://my-bucket/lists/block.txt"), plain);
  EXPECT_EQ(parse_s3_url("https://s3.amazonaws.com/my-bucket/lists/block.txt"), plain);
  EXPECT_EQ(parse_s3_url("https://my-bucket.s3.amazonaws.com/lists/block.txt"), plain);
  EXPECT_EQ(
      parse_s3_url("https://minio.example:9000/my-bucket/lists/block.txt", "https://minio.example:9000"),
      plain);
  const std::optional<S3Place> placed = S3Place{"my-bucket", "lists/block.txt", "eu-west-1"};
  for (const char* url : {"https://s3.eu-west-1.amazonaws.com/my-bucket/lists/block.txt",
                          "https://s3-eu-west-1.amazonaws.com/my-bucket/lists/block.txt",
                          "https://s3.dualstack.eu-west-1.amazonaws.com/my-bucket/lists/block.txt",
                          "https://my-bucket.s3.eu-west-1.amazonaws.com/lists/block.txt",
                          "https://my-bucket.s3-eu-west-1.amazonaws.com/lists/block.txt",
                          "https://my-bucket.s3.dualstack.eu-west-1.amazonaws.com/lists/block.txt"})
    EXPECT_EQ(parse_s3_url(url), placed) << url;
  EXPECT_EQ(parse_s3_url("https://a.b.s3.cn-north-1.amazonaws.com.cn/x%20y/%C3%A9"),
            (S3Place{"a.b", "x y/é", "cn-north-1"}));
}

TEST(S3Url, RefusesWhatNamesNone) {
  for (const char* url :
       {"", "s3://", "s3://bucket", "s3://bucket/", "s3:///key", "s3://a b/key",
        "http://s3.amazonaws.com/bucket/key", "https://s3.amazonaws.com/bucket",
        "https://example.com/bucket/key", "https://s3.evil.example/bucket/key",
        "https://bucket.s3.amazonaws.com.evil.example/key", "https://bucket.s3.amazonaws.com/",
        "https://amazonaws.com/bucket/key", "https://bucket.s3.amazonaws.com/key?versionId=1",
        "https://ec2.eu-west-1.amazonaws.com/bucket/key"})
    EXPECT_FALSE(parse_s3_url(url)) << url;
  EXPECT_FALSE(parse_s3_url("https://minio.example:9000.evil/bucket/key", "https://minio.example:9000"));
}

TEST(S3Page, IsReadOfAListing) {
  const auto page = parse_page(R"(<?xml version="1.0"?><ListBucketResult xmlns="x"><Name>b</Name>
    <IsTruncated>true</IsTruncated><NextContinuationToken>abc/=+</NextContinuationToken>
    <Contents><Key>a+b%2Bc%C3%A9</Key><LastModified>2026-09-14T10:00:00.000Z</LastModified>
      <ETag>&quot;e1-2&quot;</ETag><Size>17</Size></Contents>
    <Contents><Key>z</Key><LastModified>2026-09-14T10:00:01.000Z</LastModified><ETag>"e2"</ETag><Size>0</Size></Contents>
    <CommonPrefixes><Prefix>AWSLogs/year%3D2026/</Prefix></CommonPrefixes></ListBucketResult>)");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->objects.size(), 2U);
  EXPECT_EQ(page->objects[0].key, "a b+cé");
  EXPECT_EQ(page->objects[0].etag, "e1-2");
  EXPECT_EQ(page->objects[0].size, 17U);
  EXPECT_EQ(page->objects[1].modified - page->objects[0].modified, second_ms);
  EXPECT_EQ(page->folders, std::vector<std::string>{"AWSLogs/year=2026/"});
  EXPECT_EQ(page->next, "abc/=+");
}

TEST(S3Page, IsRefusedWhenItIsNotWhole) {
  for (const char* xml :
       {"", "<Error/>", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key>",
        "<ListBucketResult><CommonPrefixes></CommonPrefixes></ListBucketResult>"})
    EXPECT_FALSE(parse_page(xml)) << xml;
  const auto none = parse_page("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->objects.empty());
  EXPECT_TRUE(none->next.empty());
}

TEST(QueueMessages, AreReadOfAnAnswer) {
  const auto messages =
      parse_messages(R"({"Messages": [{"ReceiptHandle": "r", "Body": "b", "MessageId": "m"}]})");
  ASSERT_TRUE(messages);
  ASSERT_EQ(messages->size(), 1U);
  EXPECT_EQ((*messages)[0].receipt, "r");
  EXPECT_EQ((*messages)[0].body, "b");
  EXPECT_TRUE(parse_messages("{}")->empty());
  for (const char* text : {"", "[]", R"({"Messages": [{}]})", R"({"Messages": [1]})"})
    EXPECT_FALSE(parse_messages(text)) << text;
}

TEST(RoleKey, IsReadOfWhatStsAnswers) {
  const auto assumed = parse_assumed_key(
      "<AssumeRoleResponse><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
      "<SessionToken>t</SessionToken><Expiration>2026-09-14T10:00:00Z</Expiration></Credentials></"
      "AssumeRoleResponse>");
  ASSERT_TRUE(assumed);
  EXPECT_EQ(assumed->key.access_key_id, "ASIA");
  EXPECT_EQ(assumed->key.session_token, "t");
  EXPECT_EQ(format_time_seconds(assumed->ends), "2026-09-14T10:00:00Z");
  EXPECT_FALSE(parse_assumed_key("<AssumeRoleResponse/>"));
}

TEST(CallerKey, IsReadFromAProfile) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("picket_caller_" + std::to_string(::getpid()));
  std::ofstream(file) << "[other]\naws_access_key_id = A\naws_secret_access_key = B\n\n"
                         "[export]\n# a comment\naws_access_key_id=C\r\naws_secret_access_key = D=E\n"
                         "aws_session_token = T\n";
  const auto key = load_caller_key(file.string(), "export");
  ASSERT_TRUE(key && *key);
  EXPECT_EQ((*key)->access_key_id, "C");
  EXPECT_EQ((*key)->secret_access_key, "D=E");
  EXPECT_EQ((*key)->session_token, "T");
  EXPECT_FALSE(load_caller_key(file.string(), "absent"));
  std::filesystem::remove(file);
  EXPECT_FALSE(load_caller_key(file.string(), "export"));
}

}  // namespace
}  // namespace picket::aws
