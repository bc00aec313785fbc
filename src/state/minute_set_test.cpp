#include "state/minute_set.h"

#include <gtest/gtest.h>

#include <set>

#include "base/archive.h"

namespace picket {

namespace {

template <class T>
std::string saved(const T& value) {
  std::string bytes;
  Writer out(bytes);
  out(value);
  return bytes;
}

TEST(MinuteSet, IsASetHoweverItWasFilled) {
  for (const unsigned count : {0U, 1U, 44U, 45U, 46U, 90U, 1440U}) {
    MinuteSet forth, back, even, odd;
    std::set<std::uint16_t> all;
    for (unsigned i = 0; i < count; ++i) {
      const auto minute = static_cast<std::uint16_t>(i * 7 % MinuteSet::minutes);
      all.insert(minute);
      forth.add(minute);
      forth.add(minute);
      (i % 2 == 0 ? even : odd).add(minute);
      back.add(static_cast<std::uint16_t>((count - 1 - i) * 7 % MinuteSet::minutes));
    }
    MinuteSet merged = even;
    merged.merge(odd);
    odd.merge(even);
    const std::vector<std::uint16_t> sorted(all.begin(), all.end());
    EXPECT_EQ(forth.sorted(), sorted);
    EXPECT_EQ(saved(back), saved(forth));
    EXPECT_EQ(saved(merged), saved(forth));
    EXPECT_EQ(saved(odd), saved(forth));
    MinuteSet again;
    const std::string bytes = saved(forth);
    Reader in(bytes);
    in(again);
    EXPECT_FALSE(in.failed());
    EXPECT_EQ(again, forth);
  }
}

TEST(MinuteSet, RefusesWhatItNeverSaves) {
  for (const std::vector<std::uint16_t>& words :
       {std::vector<std::uint16_t>{5, 3}, std::vector<std::uint16_t>{1440},
        std::vector<std::uint16_t>(60, 1)}) {
    const std::string bytes = saved(words);
    Reader in(bytes);
    MinuteSet set;
    in(set);
    EXPECT_TRUE(in.failed());
    EXPECT_TRUE(set.sorted().empty());
  }
}

}  // namespace

}  // namespace picket
