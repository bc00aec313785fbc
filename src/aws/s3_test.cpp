#include "aws/s3.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

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
