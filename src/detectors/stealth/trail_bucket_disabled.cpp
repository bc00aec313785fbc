#include <algorithm>

#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

constexpr std::string_view log_bucket = "log_bucket";

// Whose policy no longer names CloudTrail refuses its logs.
std::optional<std::string> what_ends_delivery(const CloudTrailEvent& call) {
  if (call.event_name == "DeleteBucket") return "the bucket that receives it was deleted";
  if (call.event_name == "DeleteBucketPolicy") return "the policy that lets CloudTrail write was deleted";
  if (call.request_parameters.absent() || call.request_parameters.mentions("cloudtrail.amazonaws.com"))
    return std::nullopt;
  return "the bucket's policy no longer lets CloudTrail write";
}

std::optional<Evidence> select(const CloudTrailEvent& call, const Context&) {
  const auto change = what_ends_delivery(call);
  if (!change) return std::nullopt;
  return by_outcome(call, {{"api", std::string(call.event_name)},
                           {"change", change},
                           {log_bucket, call.request_parameters.find("bucketName")}});
}

// Whether a trail delivers to the bucket is a fact of the moment, so there is nothing to remember.
class TrailBuckets {
 public:
  std::optional<Candidate> step(const Candidate& row, const Facts& facts) {
    const auto bucket =
        std::ranges::find(row.evidence, log_bucket, [](const auto& item) { return item.first; });
    if (bucket == row.evidence.end()) return std::nullopt;
    const auto trail = facts.trail_of_bucket(bucket->second, row.first.time);
    if (!trail) return std::nullopt;
    Candidate made = row;
    made.evidence.emplace_back("trail", *trail);
    return made;
  }
  template <class Ar>
  void io(Ar&) {}
};

}  // namespace

extern const Detector trail_bucket_disabled = {
    .types =
        {{.name = "Stealth:IAMUser/CloudTrailLoggingDisabled",
          .severity = Severity::low,
          .mitre = {"TA0005", "T1562.008"},  // Defense Evasion: Disable or Modify Cloud Logs
          .title = "Delivery of CloudTrail trail {trail} was ended by {principal}.",
          .description =
              "{principal} called {api} on bucket {log_bucket} from {remote_ip}: {change}, so the logs of "
              "trail {trail} no longer arrive."}},
    .summary =
        "The bucket that receives a trail's logs was deleted, or its policy changed so that it refuses them.",
    .when = {calls("s3.amazonaws.com", {"DeleteBucket", "DeleteBucketPolicy", "PutBucketPolicy"})},
    .issue = {key::principal, key::evidence("trail")},
    .entity = key::evidence(log_bucket),
    .logic = ordered<TrailBuckets>(select),
    .blind_spots =
        "Trails that were made before the logs begin and delivered nothing since; keys that may no longer "
        "encrypt the logs; policies that name CloudTrail and deny it.",
};

}  // namespace picket::detectors
