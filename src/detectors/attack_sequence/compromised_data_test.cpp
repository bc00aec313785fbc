// What the cases cannot show: they have no days in which habits settle.
#include <gtest/gtest.h>

#include <vector>

#include "engine/actor_signals.h"
#include "engine/detector.h"

namespace picket::detectors {

extern const Detector compromised_data_sequence;

namespace {

constexpr TimeMs morning = 1'773'219'600'000;  // 2026-03-11T09:00:00Z

ActorSignal step(std::string_view name, Tactic tactic, TimeMs minutes, SignalKind kind = SignalKind::call) {
  ActorSignal signal;
  signal.kind = kind;
  signal.name = name;
  signal.tactic = tactic;
  signal.first_time = true;
  signal.first.time = signal.last.time = morning + minutes * minute_ms;
  return signal;
}

bool raised(const std::vector<ActorSignal>& steps, bool settled = true) {
  std::vector<const ActorSignal*> view;
  for (const ActorSignal& one : steps) view.push_back(&one);
  return compromised_data_sequence.logic.sequence({view, settled, false}).has_value();
}

// A look at the users, refused or not, one at buckets, then a write and a deletion, whatever the bucket.
std::vector<ActorSignal> by_hand() {
  return {step("iam:ListUsers", Tactic::discovery, 0, SignalKind::refused_call),
          step("s3:ListBuckets", Tactic::discovery, 12), step("s3:PutObject", Tactic::impact, 31),
          step("s3:DeleteObject", Tactic::impact, 47)};
}

TEST(CompromisedData, IsToldOfStepsMadeByHandWithinAnHour) { EXPECT_TRUE(raised(by_hand())); }

TEST(CompromisedData, NeedsToKnowWhatIsUsualForSlowSteps) { EXPECT_FALSE(raised(by_hand(), false)); }

TEST(CompromisedData, IsQuietWhenAStepIsMissingOrLate) {
  for (std::size_t missing = 0; missing < by_hand().size(); ++missing) {
    std::vector<ActorSignal> steps = by_hand();
    steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(missing));
    EXPECT_FALSE(raised(steps)) << missing;
  }
  std::vector<ActorSignal> late = by_hand();
  late.back().first.time = late.back().last.time = morning + 61 * minute_ms;
  EXPECT_FALSE(raised(late));
  std::vector<ActorSignal> refused = by_hand();
  refused.back().kind = SignalKind::refused_call;
  EXPECT_FALSE(raised(refused));
}

// Somebody who may be an intruder, and an object read as every day: no data is compromised by that.
TEST(CompromisedData, NeedsAnUnusualActOnData) {
  std::vector<ActorSignal> steps{step("iam:CreateAccessKey", Tactic::persistence, 0),
                                 step("iam:AttachUserPolicy", Tactic::privilege_escalation, 5),
                                 step("s3:GetObject", Tactic::collection, 9),
                                 step(new_network, Tactic::initial_access, 0, SignalKind::context)};
  for (ActorSignal& one : steps) one.aim = Aim::outsiders;
  steps[0].bits = steps[1].bits = steps[3].bits = 20 * 256;
  EXPECT_FALSE(raised(steps));
  steps[2].bits = 256;
  steps[2].count = 3;
  EXPECT_FALSE(raised(steps)) << "a handful";
  steps[2].count = 10;
  EXPECT_TRUE(raised(steps));
  steps[2].bits = 4 * 256;
  steps[2].count = 1;
  EXPECT_TRUE(raised(steps)) << "one that is very unusual";
}

// A bucket opened at an unusual hour, and what is told of that call: grave, but one act.
TEST(Sequences, AreNotMadeOfOneCallAndTheFindingsAboutIt) {
  constexpr std::int32_t bits = 12 * 256;
  const auto told = [](std::string_view name, Tactic tactic, TimeMs minutes) {
    ActorSignal signal = step(name, tactic, minutes, SignalKind::finding);
    SignalFinding finding;
    finding.call.service_name = "s3.amazonaws.com";
    finding.call.api = "PutBucketAcl";
    finding.severity = 8;
    signal.finding = Boxed(std::move(finding));
    return signal;
  };
  std::vector<ActorSignal> signals{step("s3:PutBucketAcl", Tactic::exfiltration, 0),
                                   told("Impact:S3/AnomalousBehavior.Permission", Tactic::impact, 0),
                                   told("Policy:S3/BucketPublicAccessGranted", Tactic::exfiltration, 0)};
  signals[0].aim = Aim::outsiders;
  for (ActorSignal& signal : signals) signal.bits = bits;
  const auto found = [&] {
    std::vector<const ActorSignal*> view;
    for (const ActorSignal& one : signals) view.push_back(&one);
    return sequence_in({view, true, false}).has_value();
  };
  EXPECT_FALSE(found());
  signals.push_back(step("iam:CreateAccessKey", Tactic::persistence, 20));
  signals.back().bits = bits;
  EXPECT_TRUE(found());
}

}  // namespace
}  // namespace picket::detectors
