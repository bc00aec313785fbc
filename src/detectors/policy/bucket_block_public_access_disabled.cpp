#include "detectors/policy/s3_access.h"
#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// The API is called PutPublicAccessBlock for buckets and accounts alike, and some records name it so.
std::optional<Evidence> opens_bucket(const CloudTrailEvent& call, const Context&) {
  const auto bucket = call.request_parameters.find("bucketName");
  if (!bucket) return std::nullopt;
  const auto off = blocks_off(call);
  if (!off) return std::nullopt;
  return by_outcome(call, {{"api", std::string(call.event_name)}, {"bucket", bucket}, {"switched_off", off}});
}

}  // namespace

extern const Detector bucket_block_public_access_disabled = {
    .types =
        {{.name = "Policy:S3/BucketBlockPublicAccessDisabled",
          .severity = Severity::low,
          .mitre = {"TA0005", "T1562.001"},  // Defense Evasion: Disable or Modify Tools
          .title = "S3 Block Public Access of bucket {bucket} was turned off by {principal}.",
          .description =
              "{principal} called {api} from {remote_ip} and turned off {switched_off} for bucket {bucket}: "
              "its policy and access control lists may now open it to the public."}},
    .summary = "S3 Block Public Access was turned off, in part or whole, for a bucket.",
    .when = {calls("s3.amazonaws.com", {"PutBucketPublicAccessBlock", "DeleteBucketPublicAccessBlock",
                                        "PutPublicAccessBlock", "DeletePublicAccessBlock"})},
    .issue = {key::principal, key::bucket},
    .logic = each(opens_bucket),
    .blind_spots = "What was switched on before the call, for the bucket and for its account.",
};

}  // namespace picket::detectors
