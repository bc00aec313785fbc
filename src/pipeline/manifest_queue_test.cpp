#include "pipeline/manifest_queue.h"

#include <gmock/gmock.h>

#include "base/archive.h"

namespace picket {
namespace {

Manifest manifest(std::string path, std::string key, TimeMs lower_bound) {
  Manifest m;
  m.path = std::move(path);
  m.key = std::move(key);
  m.lower_bound = lower_bound;
  m.source = "trail";
  m.stream = "trail/cloudtrail/111122223333/eu-west-1";
  return m;
}

std::string bytes_of(Manifest m) {
  std::string bytes;
  Writer out(bytes);
  out(m);
  return bytes;
}

std::vector<std::string> paths(const ManifestQueue& queue) {
  std::vector<std::string> out;
  queue.each([&](const Manifest& m) { out.push_back(m.path); });
  return out;
}

TEST(ManifestQueue, GivesBackWhatWasPut) {
  Manifest full = manifest("/logs/AWSLogs/a.json.gz", "AWSLogs/a.json.gz", -5);
  full.sequence = 7;
  full.offset = 1;
  full.length = 2;
  full.records_before = 3;
  full.size = 4;
  full.device = 5;
  full.inode = 6;
  full.modified_ns = 1'800'000'000'000'000'007;
  full.head_hash = 8;
  full.kind = LogKind::dns;
  full.account = "111122223333";
  full.region = "eu-west-1";
  full.cluster = "prod";
  full.flow_format = "version srcaddr";
  const Manifest remote = manifest("pushed://trail/batch.0", "batch.0", 1);
  const Manifest apart = manifest("s3://bucket/x/y", "another key", 1);
  const Manifest bare = manifest("file", "file", 0);
  ManifestQueue queue;
  for (const Manifest& m : {full, remote, apart, bare}) queue.push_back(m);
  ASSERT_EQ(queue.size(), 4U);
  EXPECT_EQ(queue.sequence_at(0), 7U);
  EXPECT_EQ(bytes_of(queue.at(0)), bytes_of(full));
  EXPECT_EQ(bytes_of(queue.at(1)), bytes_of(remote));
  EXPECT_EQ(bytes_of(queue.at(2)), bytes_of(apart));
  EXPECT_EQ(bytes_of(queue.at(3)), bytes_of(bare));
  std::vector<std::pair<std::string, TimeMs>> told;
  queue.each_source([&](const std::string& source, TimeMs modified) { told.emplace_back(source, modified); });
  EXPECT_THAT(told, testing::ElementsAre(testing::Pair("trail", 1'800'000'000'000), testing::Pair("trail", 0),
                                         testing::Pair("trail", 0), testing::Pair("trail", 0)));
}

TEST(ManifestQueue, SortsByTimeThenKeyThenPath) {
  ManifestQueue queue;
  queue.push_back(manifest("/b/x", "x", 2));
  queue.push_back(manifest("/a/x", "x", 2));
  queue.push_back(manifest("/z/w", "w", 2));
  queue.push_back(manifest("/a/y", "y", 1));
  queue.sort();
  EXPECT_THAT(paths(queue), testing::ElementsAre("/a/y", "/z/w", "/a/x", "/b/x"));
}

TEST(ManifestQueue, IsAQueueOverManyBlocks) {
  ManifestQueue queue;
  std::size_t put = 0, taken = 0;
  const auto path = [](std::size_t i) {
    return "/logs/day" + std::to_string(i / 100) + "/" + std::to_string(i);
  };
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 200; ++i, ++put) queue.push_back(manifest(path(put), path(put), 0));
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(queue.at(0).path, path(taken));
      ASSERT_EQ(queue.at(40).path, path(taken + 40));
      queue.drop_front(41);
      taken += 41;
    }
  }
  EXPECT_EQ(queue.size(), put - taken);
  queue.drop_front(queue.size());
  EXPECT_TRUE(queue.empty());
  queue.push_back(manifest("again", "again", 0));
  EXPECT_THAT(paths(queue), testing::ElementsAre("again"));
}

}  // namespace
}  // namespace picket
