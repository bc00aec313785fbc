#include "detectors/policy/s3_access.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> opens_to_authenticated(const CloudTrailEvent& call, const Context&) {
  return opens_to(BucketAudience::authenticated, call);
}

}  // namespace

extern const Detector bucket_public_access_granted = {
    .types =
        {{.name = "Policy:S3/BucketPublicAccessGranted",
          .severity = Severity::high,
          .mitre = {"TA0010", "T1530"},  // Exfiltration: Data from Cloud Storage
          .title = "{principal} opened bucket {bucket} to every AWS user.",
          .description =
              "{principal} called {api} on bucket {bucket} from {remote_ip}; {granted_by} lets in whoever "
              "has credentials of any AWS account. Whether Block Public Access holds it back is "
              "told with the bucket."}},
    .summary = "A bucket policy or access control list was set that lets in every authenticated AWS user.",
    .when = {calls("s3.amazonaws.com", {"PutBucketPolicy", "PutBucketAcl", "CreateBucket"})},
    .issue = {key::principal, key::bucket},
    .logic = each(opens_to_authenticated),
    .blind_spots = "Single objects opened by their own access control lists, and access points.",
};

}  // namespace picket::detectors
