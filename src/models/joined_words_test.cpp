#include "models/joined_words.h"

#include <gtest/gtest.h>

#include <string>

namespace picket {
namespace {

TEST(JoinedWordsTest, words_without_a_rest) {
  for (const char* label :
       {"reefbronze", "nosepress", "lead-heat", "figureclean", "waterhand", "reefbronze7", "lead-heat2026"})
    EXPECT_TRUE(looks_joined(label)) << label;
  // One word, a rest, too many short ones, too short, digits between.
  for (const char* label : {"", "wonderful", "zijieapi", "nosepresq", "anditfor", "lead4heat", "nose_press",
                            "xkqzvwplmnr", "7reefbronze", "reefbronze20261", "wonderful12", "1234"})
    EXPECT_FALSE(looks_joined(label)) << label;
}

TEST(JoinedWordsTest, long_names_of_letters) {
  EXPECT_TRUE(looks_joined("animasvenpredeiaut"));
  EXPECT_TRUE(looks_joined("qqqqqqqqqqqq"));
  EXPECT_FALSE(looks_joined("qqqqqqqqqqq"));
  EXPECT_FALSE(looks_joined("qqqqqqqqqqq7"));
  EXPECT_TRUE(looks_joined("qqqqqqqqqqqq7"));
  EXPECT_TRUE(looks_joined(std::string(63, 'q')));
  EXPECT_FALSE(looks_joined(std::string(64, 'q')));
}

}  // namespace
}  // namespace picket
