#include "source/kafka_source.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(KafkaBatch, IsNamedByItsOffsets) {
  const KafkaBatch batch{"trail.events", 3, 120, 131};
  EXPECT_EQ(batch.name(), "trail.events/3/120-131");
  const auto read = KafkaBatch::of(batch.name() + ".1.refused");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->topic, "trail.events");
  EXPECT_EQ(read->partition, 3);
  EXPECT_EQ(read->first, 120);
  EXPECT_EQ(read->next, 131);
  for (const char* key :
       {"", "a", "a/b", "/1-2", "t/x/1-2.0", "t/1/1.0", "t/1/a-b.0", "t/1/-1-2.0", "request-1.0"})
    EXPECT_FALSE(KafkaBatch::of(key)) << key;
}

TEST(KafkaSource, CountsByTheNewestBatchOfAPartition) {
  Inbox inbox("/nonexistent", 1, [] { return TimeMs{0}; });
  KafkaSource source({.name = "k", .topic = "t"}, inbox, [] { return TimeMs{0}; });
  for (const char* key : {"t/0/0-10.0", "t/0/10-20.0", "t/0/10-20.1.refused", "t/1/5-6.0", "other/0/0-99.0"})
    source.know(key);
  EXPECT_FALSE(source.needs("t/0/0-10.0"));
  EXPECT_TRUE(source.needs("t/0/10-20.0"));
  EXPECT_TRUE(source.needs("t/0/10-20.1.refused"));
  EXPECT_TRUE(source.needs("t/1/5-6.0"));
  EXPECT_FALSE(source.needs("other/0/0-99.0"));
}

}  // namespace
}  // namespace picket
