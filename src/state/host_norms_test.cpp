#include "state/host_norms.h"

#include <gtest/gtest.h>

namespace picket {

namespace {

constexpr std::int32_t day = 20'000;
const HostNorms::Trait port = HostNorms::trait(1, 2, 3);

std::string saved(const HostNorms& norms) {
  std::string bytes;
  Writer out(bytes);
  norms.save(out);
  return bytes;
}

TEST(HostNorms, CountsTheThirtyDaysBefore) {
  HostNorms norms;
  EXPECT_EQ(norms.days(port, day), 0U);
  norms.learn(port, day);
  EXPECT_EQ(norms.days(port, day), 0U) << "the day itself is not before it";
  EXPECT_EQ(norms.days(port, day + 1), 1U);
  EXPECT_EQ(norms.days(port, day + 30), 1U);
  EXPECT_EQ(norms.days(port, day + 31), 0U);
  norms.learn(port, day + 5);
  EXPECT_EQ(norms.days(port, day + 6), 2U);
  EXPECT_EQ(norms.days(port, day + 5), 1U) << "days that came after are not before";
  EXPECT_EQ(norms.days(port, day + 35), 1U);
  EXPECT_EQ(norms.days(HostNorms::trait(1, 2, 4), day + 6), 0U);
  EXPECT_EQ(norms.days(port, day + 1000), 0U);
  EXPECT_EQ(norms.days(port, day - 1000), 0U);
}

TEST(HostNorms, LearnsALateDay) {
  HostNorms norms;
  norms.learn(port, day);
  norms.learn(port, day - 3);
  norms.learn(port, day - 70);  // too long ago to matter
  EXPECT_EQ(norms.days(port, day + 1), 2U);
}

TEST(HostNorms, RemembersTheMostUntilItIsForgotten) {
  HostNorms norms;
  EXPECT_EQ(norms.most(port), 0U);
  norms.learn(port, day, 1'000'000);
  norms.learn(port, day + 1, 1000);
  EXPECT_EQ(norms.most(port), 1'000'000U);
  norms.learn(port, day + 40, 1000);
  EXPECT_EQ(norms.most(port), 1000U);
  norms.learn(port, day + 41, std::uint64_t{1} << 40);
  EXPECT_EQ(norms.most(port), 0xffff'ffffU) << "no more than fits";
}

TEST(HostNorms, UsualVolumeIsOfHalfTheDays) {
  HostNorms norms;
  EXPECT_EQ(norms.usual_volume(7), 0U);
  for (int i = 0; i < 4; ++i) norms.learn_volume(7, day + i, 0);
  for (int i = 4; i < 7; ++i) norms.learn_volume(7, day + i, 5'000'000'000);
  EXPECT_EQ(norms.usual_volume(7), 0U);
  for (int i = 7; i < 9; ++i) norms.learn_volume(7, day + i, 5'000'000'000);
  EXPECT_GE(norms.usual_volume(7), 5'000'000'000U);
  EXPECT_LT(norms.usual_volume(7), 10'000'000'000U);
}

TEST(HostNorms, UsualVolumeFollowsAChange) {
  HostNorms norms;
  for (int i = 0; i < 200; ++i) norms.learn_volume(7, day + i, 0);
  for (int i = 200; i < 240; ++i) norms.learn_volume(7, day + i, 5'000'000'000);
  EXPECT_GE(norms.usual_volume(7), 5'000'000'000U);
}

TEST(HostNorms, CountsHostsOfADay) {
  HostNorms norms;
  for (std::uint64_t host = 1; host <= 5; ++host) {
    norms.note_today(port, day, hash_mix(host, host));
    norms.note_today(port, day, hash_mix(host, host));
  }
  EXPECT_EQ(norms.hosts_today(port, day), 5U);
  EXPECT_EQ(norms.hosts_today(port, day + 1), 0U);
  norms.close(day);
  EXPECT_EQ(norms.hosts_today(port, day), 0U);
}

TEST(HostNorms, ForgetsWhatIsLongSilent) {
  HostNorms norms;
  norms.learn(port, day);
  norms.learn_volume(7, day, 1 << 20);
  norms.close(day + 100);
  EXPECT_EQ(norms.traits(), 1U);
  norms.close(day + 101);
  EXPECT_EQ(norms.traits(), 0U);
  EXPECT_EQ(norms.usual_volume(7), 0U);
}

TEST(HostNorms, SavesAndLoads) {
  HostNorms norms;
  for (std::uint64_t i = 0; i < 100; ++i) {
    norms.learn(HostNorms::trait(i, 1, 1), day + static_cast<std::int32_t>(i % 7), i);
    norms.note_today(HostNorms::trait(i % 5, 1, 1), day + 8, hash_mix(i, 1));
    norms.learn_volume(i, day, i << 20);
  }
  const std::string bytes = saved(norms);
  HostNorms again;
  Reader in(bytes);
  again.load(in);
  EXPECT_FALSE(in.failed());
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(saved(again), bytes);
  for (std::size_t size = 0; size < bytes.size(); size += 97) {
    Reader cut(std::string_view(bytes).substr(0, size));
    HostNorms broken;
    broken.load(cut);
    EXPECT_TRUE(cut.failed());
  }
}

}  // namespace

}  // namespace picket
