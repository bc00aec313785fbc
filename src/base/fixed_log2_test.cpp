#include "base/fixed_log2.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(FixedLog2, is_that_of_the_number) {
  EXPECT_EQ(log2_256(1), 0);
  EXPECT_EQ(log2_256(2), 256);
  EXPECT_EQ(log2_256(3), 405);  // 1.58496 * 256 = 405.75
  EXPECT_EQ(log2_256(1000), 2551);
  EXPECT_EQ(log2_256(1ULL << 40U), 40 * 256);
  EXPECT_EQ(log2_256((1ULL << 40U) + (1ULL << 39U)), 40 * 256 + 149);  // the same fraction as log2(1.5)
}

}  // namespace
}  // namespace picket
