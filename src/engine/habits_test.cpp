// What is usual proves nothing: the evidence of things done daily, once, never, and by others.
#include "engine/habits.h"

#include <gtest/gtest.h>

#include <string>

namespace picket {
namespace {

constexpr std::uint64_t account = 9;
const Habits::Circles ada{1, {account}}, bob{2, {account}};
const Habits::Thing list = Habits::thing("iam:ListUsers"), stop = Habits::thing("cloudtrail:StopLogging");
const Habits::Thing novelty = Habits::thing("new look"), new_harm = Habits::thing("new harm");

TEST(Habits, WithoutHistoryTheWeightIsTheEvidence) {
  const Habits habits;
  for (const unsigned weight : {1U, 3U, 6U})
    EXPECT_EQ(habits.bits(ada, list, weight, novelty), static_cast<std::int32_t>(weight) * 256);
  EXPECT_FALSE(habits.settled(account));
}

TEST(Habits, DailyIsNoEvidenceAndNeverIsMore) {
  Habits habits;
  for (std::int32_t day = 100; day < 130; ++day) {
    habits.begin_day(day);
    habits.note(ada, list, novelty);
    EXPECT_TRUE(habits.today(ada.identity, list));
    if (day % 10 == 0) habits.note(ada, stop, novelty);
  }
  habits.begin_day(130);
  EXPECT_FALSE(habits.today(ada.identity, list));
  EXPECT_EQ(habits.days(ada.identity), 30U);
  EXPECT_EQ(habits.days(ada.identity, stop), 3U);
  EXPECT_TRUE(habits.settled(account));
  EXPECT_EQ(habits.bits(ada, list, 6, novelty), 0);
  const Habits::Thing other = Habits::thing("iam:CreateUser");
  EXPECT_GT(habits.bits(ada, other, 5, novelty), 7 * 256);
  EXPECT_LE(habits.bits(ada, other, 5, novelty), 10 * 256);
  // Three days of thirty are in between.
  EXPECT_LT(habits.bits(ada, stop, 6, novelty), habits.bits(ada, Habits::thing("x"), 6, novelty));
  EXPECT_GT(habits.bits(ada, stop, 6, novelty), 0);
  // Somebody new is judged by what is usual in the account.
  EXPECT_EQ(habits.bits(bob, list, 2, novelty), 0);
  EXPECT_GT(habits.bits(bob, other, 2, novelty), 2 * 256);
}

TEST(Habits, NoveltyOfOneKindExcusesNoOther) {
  Habits habits;
  for (std::int32_t day = 100; day < 130; ++day) {
    habits.begin_day(day);
    habits.note(ada, list, novelty);
    habits.note(ada, Habits::thing("look " + std::to_string(day)), novelty);
  }
  habits.begin_day(130);
  const Habits::Thing other = Habits::thing("x");
  EXPECT_LT(habits.bits(ada, other, 5, novelty), 4 * 256);
  EXPECT_GT(habits.bits(ada, other, 5, new_harm), 7 * 256);
}

TEST(Habits, DoNotLearnFromADayOfHarm) {
  Habits habits;
  habits.begin_day(10);
  habits.note(ada, list, novelty);
  habits.note(bob, stop, novelty);
  habits.forget_today(bob.identity);
  habits.begin_day(11);
  EXPECT_EQ(habits.days(ada.identity, list), 1U);
  EXPECT_EQ(habits.days(account, list), 1U);
  EXPECT_EQ(habits.days(bob.identity), 0U);
  EXPECT_EQ(habits.days(account, stop), 0U);
}

}  // namespace
}  // namespace picket
