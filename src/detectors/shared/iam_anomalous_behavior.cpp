#include "engine/detector.h"
#include "engine/learned.h"

namespace picket::detectors {

static std::optional<Evidence> judge(const Incident& incident);

#define PICKET_ANOMALY(PURPOSE, LEVEL, TACTIC, TECHNIQUE, WHAT)                                 \
  {.name = PURPOSE ":IAMUser/AnomalousBehavior",                                                \
   .severity = Severity::LEVEL,                                                                 \
   .mitre = {TACTIC, TECHNIQUE},                                                                \
   .title = "{principal} called AWS APIs that " WHAT " in a way that is unusual for it.",       \
   .description =                                                                               \
       "{principal} called {api} and, close to it in time: {anomalies.anomalousAPIs}. Against " \
       "what is normal for the identity, its peers and the account this comes to {score} of "   \
       "evidence; from {threshold} on it is raised. {one_in}."}

extern const Detector iam_anomalous_behavior = {
    .types = {PICKET_ANOMALY("CredentialAccess", medium, "TA0006", "T1555.006", "give out credentials"),
              PICKET_ANOMALY("DefenseEvasion", medium, "TA0005", "T1562.008", "cover tracks"),
              PICKET_ANOMALY("Discovery", low, "TA0007", "T1580", "look around"),
              PICKET_ANOMALY("Exfiltration", high, "TA0010", "T1537", "carry data out"),
              PICKET_ANOMALY("Impact", high, "TA0040", "T1485", "destroy or disrupt"),
              PICKET_ANOMALY("InitialAccess", medium, "TA0001", "T1078.004", "gain a foothold"),
              PICKET_ANOMALY("Persistence", medium, "TA0003", "T1098.001", "keep access"),
              PICKET_ANOMALY("PrivilegeEscalation", medium, "TA0004", "T1098.003", "gain rights")},
    .summary =
        "An identity calls APIs, from places and with clients that are normal neither for it nor for its "
        "peers, account and organisation. The riskiest call says which type it is.",
    .when = {behaviours(LogKind::cloudtrail)},
    .issue = {key::principal},
    .logic = learned(judge),
    .blind_spots =
        "Nothing is raised in the first 14 days of an account. An intruder who does only what the identity "
        "does "
        "anyway, from where it does it. Without geography a network is told by the first parts of its "
        "address."};

#undef PICKET_ANOMALY

// Index of the type that names a tactic. GuardDuty has no type for some; the nearest in purpose stands for
// them.
static std::size_t type_of(Tactic tactic) {
  switch (tactic) {
    case Tactic::credential_access:
      return 0;
    case Tactic::defense_evasion:
      return 1;
    case Tactic::discovery:
      return 2;
    case Tactic::collection:
    case Tactic::exfiltration:
      return 3;
    case Tactic::impact:
      return 4;
    case Tactic::initial_access:
    case Tactic::lateral_movement:
      return 5;
    case Tactic::resource_development:
    case Tactic::execution:
    case Tactic::persistence:
      return 6;
    case Tactic::privilege_escalation:
      return 7;
  }
  return 2;
}

static std::optional<Evidence> judge(const Incident& incident) {
  if (incident.domain != Domain::api) return std::nullopt;
  const IncidentScore score = weigh(incident);
  if (!is_anomalous(incident, score)) return std::nullopt;
  return Evidence{}.as(type_of(incident.behaviours[score.primary].tactic.tactic));
}

}  // namespace picket::detectors
