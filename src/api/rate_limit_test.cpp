#include "api/rate_limit.h"

#include <gtest/gtest.h>

namespace picket::api {
namespace {

TEST(RateLimit, SpendsTheBurstAndRefills) {
  RateLimit limit(10, 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.allow("a", 1000));
  EXPECT_FALSE(limit.allow("a", 1000));
  EXPECT_FALSE(limit.allow("a", 1099));
  EXPECT_TRUE(limit.allow("a", 1100));
  EXPECT_FALSE(limit.allow("a", 1100));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.allow("a", 60'000));
  EXPECT_FALSE(limit.allow("a", 60'000)) << "no more than the burst is saved up";
}

TEST(RateLimit, KeysAreApart) {
  RateLimit limit(1, 1);
  EXPECT_TRUE(limit.allow("a", 0));
  EXPECT_FALSE(limit.allow("a", 0));
  EXPECT_TRUE(limit.allow("b", 0));
}

TEST(RateLimit, ClockSetBackIsHarmless) {
  RateLimit limit(10, 1);
  EXPECT_TRUE(limit.allow("a", 10'000));
  EXPECT_FALSE(limit.allow("a", 5'000));
  EXPECT_TRUE(limit.allow("a", 5'100));
}

}  // namespace
}  // namespace picket::api
