#include "engine/rule_modes.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

constexpr TimeMs now = 1'000;
RuleMode of(const RuleModes& modes, std::string_view account, TimeMs time = now,
            std::string_view region = "eu-west-1") {
  return modes.of("rule", account, region, time);
}

TEST(RuleModesTest, nothing_holds_unasked) { EXPECT_EQ(of({}, "1"), RuleMode::off); }

TEST(RuleModesTest, a_named_default_precedes_the_one_for_all) {
  RuleModes modes;
  modes.set_default("*", RuleMode::live);
  EXPECT_EQ(of(modes, "1"), RuleMode::live);
  modes.set_default("rule", RuleMode::dry_run);
  EXPECT_EQ(of(modes, "1"), RuleMode::dry_run);
}

TEST(RuleModesTest, an_association_is_of_one_account_and_region_until_it_expires) {
  RuleModes modes;
  modes.associate("1", "eu-west-1", "rule", RuleMode::dry_run, now + 1);
  EXPECT_EQ(of(modes, "1"), RuleMode::dry_run);
  EXPECT_EQ(of(modes, "1", now + 1), RuleMode::off);
  EXPECT_EQ(of(modes, "2"), RuleMode::off);
  EXPECT_EQ(of(modes, "1", now, "us-east-1"), RuleMode::off);
}

TEST(RuleModesTest, an_organisation_decides_where_no_association_does) {
  RuleModes modes;
  modes.set_default("*", RuleMode::dry_run);
  modes.configure("eu-west-1", "rule", {.mode = RuleMode::live, .include = {}, .exclude = {"2"}});
  modes.associate("3", "eu-west-1", "rule", RuleMode::dry_run, RuleModes::never);
  EXPECT_EQ(of(modes, "1"), RuleMode::live);
  EXPECT_EQ(of(modes, "2"), RuleMode::dry_run);
  EXPECT_EQ(of(modes, "3"), RuleMode::dry_run);
  modes.clear();
  EXPECT_EQ(of(modes, "1"), RuleMode::dry_run);
}

TEST(RuleModesTest, defaults_end_where_somebody_decided) {
  RuleModes modes;
  modes.set_default("*", RuleMode::live);
  modes.manage("1", "eu-west-1");
  EXPECT_EQ(of(modes, "1"), RuleMode::off);
  EXPECT_EQ(of(modes, "1", now, "us-east-1"), RuleMode::live);
  EXPECT_EQ(of(modes, "2"), RuleMode::live);
  modes.manage("", "us-east-1");
  EXPECT_EQ(of(modes, "2", now, "us-east-1"), RuleMode::off);
}

TEST(RuleModesTest, an_organisation_may_have_both_modes) {
  RuleModes modes;
  modes.configure("eu-west-1", "rule",
                  {.mode = RuleMode::dry_run, .expires_at = now + 1, .include = {"1"}, .exclude = {}});
  modes.configure("eu-west-1", "rule", {.mode = RuleMode::live, .include = {"2"}, .exclude = {}});
  EXPECT_EQ(of(modes, "1"), RuleMode::dry_run);
  EXPECT_EQ(of(modes, "1", now + 1), RuleMode::off);
  EXPECT_EQ(of(modes, "2"), RuleMode::live);
  EXPECT_EQ(of(modes, "3"), RuleMode::off);
}

}  // namespace
}  // namespace picket
