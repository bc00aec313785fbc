#include "engine/sequences.h"

namespace picket::detectors {

static std::optional<Evidence> judge(const ActorSignals& actor);

extern const Detector compromised_credentials_sequence = {
    .types = {{.name = "AttackSequence:IAM/CompromisedCredentials",
               .severity = Severity::critical,
               .mitre = {"TA0001", "T1078.004"},  // Initial Access: Valid Accounts: Cloud Accounts
               .resource = ResourceKind::attack_sequence,
               .action = ActionKind::none,
               .title = "Potential credential compromise of {user_type}/{principal} indicated by a sequence "
                        "of actions.",
               .description =
                   "A sequence of {signals} signals that together look like compromised credentials was seen "
                   "for {user_type}/{principal} with principalId {principal_id} and what descends from it. "
                   "Tactics: {tactics}. Evidence: {score} (from {threshold} on it is raised). It would not "
                   "have been raised without: {could_not_do_without}."}},
    .summary = "Calls, refusals and findings of one actor within a day line up into an attack.",
    .when = {signals()},
    .logic = sequence(judge, [](const Outlook& outlook) { return outlook.may_be_sequence(); }),
    .blind_spots =
        "An intruder who only does what the identity does every day, or who works from where and when its "
        "owner "
        "works, in no haste, and meets no refusal. In the first two weeks of an account nothing is known to "
        "be "
        "unusual, so more has to come together. A role's session whose AssumeRole is in no log read stands "
        "for "
        "itself.",
};

// Reads and writes of objects are for AttackSequence:S3/CompromisedData.
static bool of_credentials(const ActorSignal& signal) {
  return signal.buckets.empty() || !signal.api().contains("Object");
}

static std::optional<Evidence> judge(const ActorSignals& actor) {
  std::vector<const ActorSignal*> room;
  const auto weight = sequence_in(actor.only(of_credentials, room));
  if (!weight) return std::nullopt;
  return severe(*weight);
}

}  // namespace picket::detectors
