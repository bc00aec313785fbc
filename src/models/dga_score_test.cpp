#include "models/dga_score.h"

#include <gtest/gtest.h>

#include "models/registered_domain.h"

namespace picket {
namespace {

TEST(DgaScoreTest, is_not_asked_about_short_foreign_and_odd_labels) {
  for (const char* label : {"", "xkqz", "xn--fiqs8sxkqzvw", "XKQZVWPLMN", "xkqz.vwpl", "xkqzvw plmn"})
    EXPECT_EQ(dga_score(label), 0) << label;
  EXPECT_EQ(dga_score(std::string(64, 'q')), 0);
  EXPECT_NE(dga_score(std::string(63, 'q')), 0);
}

// As tools/train_dga_model.py computes them: the model means the same in both languages.
TEST(DgaScoreTest, known_scores) {
  EXPECT_EQ(dga_score("wikipedia"), -1024);
  EXPECT_EQ(dga_score("zijieapi"), -13);
  EXPECT_EQ(dga_score("xkqzvwplmnrt"), 1796);
  EXPECT_EQ(dga_score("mcvkzelorqpt"), 1121);
  EXPECT_EQ(dga_score("a3f9c27be1d4"), 1160);
  EXPECT_EQ(dga_score("qwhtlrkzpvbn"), 1885);
  EXPECT_EQ(dga_score("a-b_c-9"), -1024);
  EXPECT_EQ(dga_score("fgdjhkwqzx"), 1783);
}

TEST(DgaScoreTest, chosen_names_speak_against_it) {
  for (const char* label : {"wikipedia", "letsencrypt", "stackoverflow", "sparkasse", "cloudfront", "tianya",
                            "doubleclick", "morgensternhaus"})
    EXPECT_LT(dga_score(label), -512) << label;
}

TEST(ChosenPartsTest, cut_where_registrars_and_dynamic_dns_sell) {
  EXPECT_EQ(chosen_parts_of("a.b.example.co.uk").label, "example");
  EXPECT_EQ(chosen_parts_of("a.b.example.co.uk").below, "a.b");
  EXPECT_EQ(chosen_parts_of("d111111abcdef8.cloudfront.net").label, "cloudfront");
  EXPECT_EQ(chosen_parts_of("xkqzvw.duckdns.org").label, "xkqzvw");
  EXPECT_EQ(chosen_parts_of("a.xkqzvw.duckdns.org").registered, "xkqzvw.duckdns.org");
  EXPECT_EQ(chosen_parts_of("a.xkqzvw.duckdns.org").below, "a");
  EXPECT_EQ(chosen_parts_of("a.xkqzvw.bazar").registered, "xkqzvw.bazar");
  for (const char* none :
       {"", "com", "co.uk", "duckdns.org", "qwfpgjluy", "a.b.internal", "host.corp", ".com", "a..com"})
    EXPECT_TRUE(chosen_parts_of(none).label.empty()) << none;
}

TEST(ChosenPartsTest, below_dynamic_dns) {
  EXPECT_TRUE(below_dynamic_dns(chosen_parts_of("a.xkqzvw.duckdns.org").registered));
  for (const char* none : {"", "duckdns.org", "example.co.uk", "duckdns.org.example.com"})
    EXPECT_FALSE(below_dynamic_dns(none)) << none;
}

}  // namespace
}  // namespace picket
