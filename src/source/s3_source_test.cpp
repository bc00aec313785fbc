#include "source/s3_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace picket {
namespace {

TEST(BucketUrl, NamesABucketAndAPrefix) {
  using Place = std::pair<std::string, std::string>;
  EXPECT_EQ(parse_bucket_url("s3://my-bucket"), (Place{"my-bucket", ""}));
  EXPECT_EQ(parse_bucket_url("s3://my-bucket/"), (Place{"my-bucket", ""}));
  EXPECT_EQ(parse_bucket_url("s3://my.bucket/AWSLogs/o-1/"), (Place{"my.bucket", "AWSLogs/o-1/"}));
  for (const char* url : {"", "s3://", "s3:///key", "s3://a b/", "https://my-bucket.s3.amazonaws.com/"})
    EXPECT_FALSE(parse_bucket_url(url)) << url;
}

TEST(S3Source, TellsObjectsApartByTheirContent) {
  const auto first = S3Source::object_of("s3://b/k", S3Source::tag_hash("e1"));
  EXPECT_EQ(first, S3Source::object_of("s3://b/k", S3Source::tag_hash("e1")));
  EXPECT_NE(first, S3Source::object_of("s3://b/k", S3Source::tag_hash("e2")));
  EXPECT_NE(first, S3Source::object_of("s3://b/l", S3Source::tag_hash("e1")));
}

TEST(Spool, KeepsWhatIsUsed) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("picket_spool_" + std::to_string(::getpid()));
  const Spool spool(folder.string());
  for (const std::uint64_t object : {1U, 2U, 3U}) ASSERT_TRUE(spool.put(object, "bytes"));
  spool.remove(1);
  spool.keep_only({2});
  EXPECT_FALSE(fs::exists(spool.path_of(1)));
  EXPECT_TRUE(fs::exists(spool.path_of(2)));
  EXPECT_FALSE(fs::exists(spool.path_of(3)));
  EXPECT_EQ(fs::file_size(spool.path_of(2)), 5U);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace picket
