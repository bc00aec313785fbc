#include "base/oldest.h"

#include <gmock/gmock.h>

#include <map>
#include <string>

namespace picket {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(Oldest, goes_and_of_equal_ones_the_smaller_key) {
  std::map<std::string, int> ages = {{"d", 2}, {"b", 1}, {"c", 1}, {"a", 3}};
  const auto age_of = [](int age) { return age; };
  EXPECT_EQ(erase_oldest(ages, 4, age_of), 0U);
  EXPECT_EQ(erase_oldest(ages, 3, age_of), 1U);
  EXPECT_THAT(ages, ElementsAre(Pair("a", 3), Pair("c", 1), Pair("d", 2)));
  EXPECT_EQ(erase_oldest(ages, 1, age_of), 2U);
  EXPECT_THAT(ages, ElementsAre(Pair("a", 3)));
}

TEST(Oldest, a_quarter_goes_at_once) {
  std::map<int, int> ages;
  for (int i = 0; i < 8; ++i) ages[i] = i;
  const auto age_of = [](int age) { return age; };
  EXPECT_EQ(erase_oldest_quarter(ages, 8, age_of), 0U);
  ages[8] = 8;
  EXPECT_EQ(erase_oldest_quarter(ages, 8, age_of), 3U);
  EXPECT_EQ(ages.begin()->first, 3);
}

}  // namespace
}  // namespace picket
