#include "base/time.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(Time, ParsesTheFormsLogsUse) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_time("2021-07-29T12:34:56Z"), 1627562096000);
  EXPECT_EQ(parse_time("2021-07-29T12:34:56.789Z"), 1627562096789);
  EXPECT_EQ(parse_time("2021-07-29T12:34:56.789123456Z"), 1627562096789);
  EXPECT_EQ(parse_time("2021-07-29 14:34:56+02:00"), 1627562096000);
  EXPECT_EQ(parse_time("2021-07-29T14:34:56+0200"), 1627562096000);
  EXPECT_EQ(parse_time("2000-02-29T00:00:00Z"), 951782400000);
  EXPECT_EQ(parse_time("1969-12-31T23:59:59.500Z"), -500);
}

TEST(Time, RefusesWhatIsNoTime) {
  for (const char* text : {"", "2021", "2021-07-29", "2021-13-01T00:00:00Z", "2021-07-29T24:00:00Z",
                           "2021-07-29T12:34:56", "2021-07-29T12:34:56.Z", "2021-07-29T12:34:56Zx",
                           "2021/07/29T12:34:56Z", "2021-07-29T12:34:5aZ", "2021-07-29T12:34:56+2"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(Time, FormatsWithMilliseconds) {
  EXPECT_EQ(format_time(1627562096789), "2021-07-29T12:34:56.789Z");
  EXPECT_EQ(format_time(1767225600000), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(-500), "1969-12-31T23:59:59.500Z");
  EXPECT_EQ(format_time_seconds(1627562096789), "2021-07-29T12:34:56Z");
}

}  // namespace
}  // namespace picket
