#include "base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace picket {
namespace {

TEST(Text, case_of_ascii_only) {
  EXPECT_EQ(lower("AZ az 09 \xc3\x84"), "az az 09 \xc3\x84");
  EXPECT_EQ(upper("AZ az 09 \xc3\xa4"), "AZ AZ 09 \xc3\xa4");
}

TEST(Text, account_ids_have_12_digits) {
  EXPECT_TRUE(is_account_id("111122223333"));
  for (const char* text : {"", "11112222333", "1111222233334", "11112222333x", "-11122223333"})
    EXPECT_FALSE(is_account_id(text)) << text;
}

TEST(Text, wildcards) {
  EXPECT_TRUE(wildcard_match("*", ""));
  EXPECT_TRUE(wildcard_match("a*c", "abbbc"));
  EXPECT_TRUE(wildcard_match("*.example.com", "a.b.example.com"));
  EXPECT_TRUE(wildcard_match("a?c", "abc"));
  EXPECT_TRUE(wildcard_match("?", "é"));
  EXPECT_TRUE(wildcard_match("*ab*ab*", "xabababx"));
  EXPECT_FALSE(wildcard_match("", "a"));
  EXPECT_FALSE(wildcard_match("?", ""));
  EXPECT_FALSE(wildcard_match("a?c", "ac"));
  EXPECT_FALSE(wildcard_match("abc", "abcd"));
  EXPECT_FALSE(wildcard_match("*abd", "abcabc"));
  EXPECT_FALSE(wildcard_match("A", "a"));
  // What makes a backtracking matcher take years.
  std::string pattern;
  for (int i = 0; i < 250; ++i) pattern += "a*";
  EXPECT_FALSE(wildcard_match(pattern + "b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace picket
