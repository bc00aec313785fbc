#include "state/api_tactics.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(ApiTactics, ServiceAndNameHoldBeforeVerbs) {
  const ApiTactic stop = api_tactic("cloudtrail.amazonaws.com", "StopLogging");
  EXPECT_EQ(stop.tactic, Tactic::defense_evasion);
  EXPECT_EQ(stop.weight_bits, 6);
  EXPECT_TRUE(stop.listed);
  // The same name of a service that no row names.
  const ApiTactic other = api_tactic("example.amazonaws.com", "StopLogging");
  EXPECT_EQ(other.tactic, Tactic::impact);
  EXPECT_FALSE(other.listed);
}

TEST(ApiTactics, LongestVerbHolds) {
  EXPECT_EQ(api_tactic("example.amazonaws.com", "DescribeThings").tactic, Tactic::discovery);
  EXPECT_EQ(api_tactic("example.amazonaws.com", "PutThing").tactic, Tactic::persistence);
  EXPECT_EQ(api_tactic("example.amazonaws.com", "PutResourcePolicyX").tactic, Tactic::privilege_escalation);
  EXPECT_EQ(api_tactic("example.amazonaws.com", "StartExportTask").tactic, Tactic::exfiltration);
  const ApiTactic unknown = api_tactic("example.amazonaws.com", "Frobnicate");
  EXPECT_EQ(unknown.tactic, Tactic::execution);
  EXPECT_EQ(unknown.weight_bits, 1);
}

TEST(ApiTactics, OtherPartitionsAreTheSameServices) {
  EXPECT_EQ(api_tactic("iam.amazonaws.com.cn", "CreateAccessKey").tactic, Tactic::persistence);
}

TEST(ApiTactics, NamesAreReadBack) {
  for (int i = 0; i <= static_cast<int>(Tactic::impact); ++i)
    EXPECT_EQ(tactic_named(name_of(static_cast<Tactic>(i))), static_cast<Tactic>(i));
  EXPECT_FALSE(tactic_named("Stealth"));
  EXPECT_EQ(id_of(Tactic::impact), "TA0040");
}

}  // namespace
}  // namespace picket
