#include <algorithm>

#include "engine/detector.h"
#include "engine/learned.h"

namespace picket::detectors {

static std::optional<Evidence> judge(const Incident& incident);

#define PICKET_ANOMALY(NAME, LEVEL, TACTIC, TECHNIQUE, WHAT)                                    \
  {.name = NAME,                                                                                \
   .severity = Severity::LEVEL,                                                                 \
   .mitre = {TACTIC, TECHNIQUE},                                                                \
   .resource = ResourceKind::s3_bucket,                                                         \
   .title = "{principal} " WHAT " of S3 bucket {bucket} in a way that is unusual for it.",      \
   .description =                                                                               \
       "{principal} called {api} on {bucket} and, close to it in time: "                        \
       "{anomalies.anomalousAPIs}. Against what is normal for the identity, its peers and the " \
       "account this comes to {score} of evidence; from {threshold} on it is raised. {one_in}."}

extern const Detector s3_anomalous_behavior = {
    .types = {PICKET_ANOMALY("Discovery:S3/AnomalousBehavior", low, "TA0007", "T1619", "looked at objects"),
              PICKET_ANOMALY("Exfiltration:S3/AnomalousBehavior", high, "TA0010", "T1530", "read objects"),
              PICKET_ANOMALY("Impact:S3/AnomalousBehavior.Delete", high, "TA0040", "T1485",
                             "deleted objects"),
              PICKET_ANOMALY("Impact:S3/AnomalousBehavior.Permission", high, "TA0040", "T1098",
                             "changed permissions"),
              PICKET_ANOMALY("Impact:S3/AnomalousBehavior.Write", medium, "TA0040", "T1565.001",
                             "wrote objects")},
    .summary =
        "An identity lists, reads, writes or deletes S3 objects, or changes who may reach them, in a way "
        "that is normal neither for it nor for its peers, account and organisation.",
    .when = {behaviours(LogKind::cloudtrail)},
    .issue = {key::principal},
    .logic = learned(judge),
    .blind_spots =
        "Without S3 data events only changes of permissions are seen. How many objects are read or deleted "
        "does not count. Nothing is raised in the first 14 days of an account."};

#undef PICKET_ANOMALY

namespace {
enum Type : std::size_t { discovery, reading, deletion, permission, writing };
}  // namespace

static std::size_t type_of(std::string_view api) {
  if (api.contains("Acl") || api.contains("Policy") || api.contains("PublicAccessBlock"))
    return api.starts_with("Get") ? discovery : permission;
  if (api.starts_with("Delete")) return deletion;
  static constexpr std::array<std::string_view, 4> reads{"GetObject", "GetObjectVersion",
                                                         "SelectObjectContent", "GetObjectTorrent"};
  if (std::ranges::find(reads, api) != reads.end()) return reading;
  if (api.starts_with("Get") || api.starts_with("List") || api.starts_with("Head")) return discovery;
  return writing;
}

static std::optional<Evidence> judge(const Incident& incident) {
  if (incident.domain != Domain::object) return std::nullopt;
  const IncidentScore score = weigh(incident);
  if (!is_anomalous(incident, score)) return std::nullopt;
  return Evidence{}.as(type_of(incident.behaviours[score.primary].what.call.api));
}

}  // namespace picket::detectors
