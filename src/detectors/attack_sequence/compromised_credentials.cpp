#include <algorithm>
#include <set>

#include "engine/actor_signals.h"
#include "engine/detector.h"

namespace picket::detectors {

static std::optional<Evidence> judge(const ActorSignals& actor);
static bool may_be(const Outlook& outlook);

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
                   "Tactics: {tactics}. Evidence: {score} (raised {raised}). Signals "
                   "that it could not do without: {could_not_do_without}."}},
    .summary =
        "Calls, refusals and findings of one actor within a day line up into an attack; so do, whatever is "
        "usual, refusals by several services, rights that it gives itself, and the use of what was refused.",
    .when = {signals()},
    .logic = sequence(judge, may_be),
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

// From the first refusal to the use of what was refused: tools take minutes, people at a shell half an hour.
constexpr TimeMs probe_ms = hour_ms;
// Services that refused. Whoever lacks a right for a task is refused by the one or two that it takes.
constexpr std::size_t services_min = 3;

// Refused here and there, it gave itself rights, and then a call worked that had not: what a stolen key may
// do is tried, widened and used. No habits need be known, since everybody else is given rights by others.
static bool probes_grants_uses(const ActorSignals& actor) {
  for (const ActorSignal* grant : actor.signals) {
    if (grant->kind != SignalKind::finding ||
        grant->name != "PrivilegeEscalation:IAMUser/SelfGrantedPermissions")
      continue;
    std::set<std::string_view> services, names;
    for (const ActorSignal* signal : actor.signals) {
      if (signal->kind != SignalKind::refused_call || signal->first.time > grant->first.time ||
          signal->first.time < grant->first.time - probe_ms)
        continue;
      services.insert(short_service(signal->service_name()));
      names.insert(signal->name);
    }
    if (services.size() < services_min) continue;
    if (std::ranges::any_of(actor.signals, [&](const ActorSignal* signal) {
          return signal->kind == SignalKind::call && names.contains(signal->name) &&
                 signal->last.time >= grant->first.time && signal->first.time <= grant->first.time + probe_ms;
        }))
      return true;
  }
  return false;
}

static bool may_be(const Outlook& outlook) { return outlook.may_be_sequence() || outlook.escalates(); }

static std::optional<Evidence> judge(const ActorSignals& actor) {
  std::vector<const ActorSignal*> room;
  const ActorSignals credentials = actor.only(of_credentials, room);
  if (const auto weight = sequence_in(credentials)) return severe(*weight);
  if (!probes_grants_uses(actor)) return std::nullopt;
  return severe(credentials.weigh());
}

}  // namespace picket::detectors
