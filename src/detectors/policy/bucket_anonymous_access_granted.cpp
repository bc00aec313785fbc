#include "detectors/policy/s3_access.h"
#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> opens_to_anyone(const CloudTrailEvent& call, const Context&) {
  const S3Grant grant = widest_grant(call);
  if (grant.audience != BucketAudience::everyone) return std::nullopt;
  Evidence evidence{{"api", std::string(call.event_name)},
                    {"bucket", call.request_parameters.find("bucketName")},
                    {"granted_by", grant.how}};
  // GuardDuty does not weigh denials; nobody gets in, so it is said, and low.
  if (!grant.taken_back_by.empty()) {
    evidence.add("taken_back_by", grant.taken_back_by);
    evidence.severity = number_of(Severity::low);
  }
  return by_outcome(call, std::move(evidence));
}

}  // namespace

extern const Detector bucket_anonymous_access_granted = {
    .types =
        {{.name = "Policy:S3/BucketAnonymousAccessGranted",
          .severity = Severity::high,
          .mitre = {"TA0010", "T1530"},  // Exfiltration: Data from Cloud Storage
          .title = "{principal} opened bucket {bucket} to anyone on the Internet.",
          .description =
              "{principal} called {api} on bucket {bucket} from {remote_ip}; {granted_by} lets anyone in "
              "without credentials. Whether Block Public Access holds it back is told with the bucket."}},
    .summary = "A bucket policy or access control list was set that lets anyone in.",
    .when = {calls("s3.amazonaws.com", {"PutBucketPolicy", "PutBucketAcl", "CreateBucket"})},
    .issue = {key::principal, key::bucket},
    .logic = each(opens_to_anyone),
    .blind_spots = "Single objects opened by their own access control lists, and access points.",
};

}  // namespace picket::detectors
