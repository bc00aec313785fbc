// Whom an S3 configuration call lets in: bucket policies (state/bucket_policy), access control lists and the
// Block Public Access switches as CloudTrail records them. It asks what a call grants by itself; whether
// Block Public Access holds it back is told with the bucket, as of the finding's time (effectivePermission).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/evidence.h"
#include "event/cloudtrail_event.h"
#include "state/bucket_policy.h"

namespace picket::detectors {

struct S3Grant {
  BucketAudience audience = BucketAudience::named;
  std::string how;  // "policy statement PublicRead", "access control list: READ to AllUsers"
  std::string
      taken_back_by;  // "policy statement OnlyOurs" when it denies strangers all that the grant allows
};

// The widest grant of PutBucketPolicy, PutBucketAcl or CreateBucket.
S3Grant widest_grant(const CloudTrailEvent& call);

// What is evidence of a call whose widest grant is for that audience; absent otherwise.
std::optional<Evidence> opens_to(BucketAudience audience, const CloudTrailEvent& call);

// Which of the four Block Public Access switches the call leaves off, "BlockPublicAcls, …"; absent when it
// leaves all on or the record does not tell.
std::optional<std::string> blocks_off(const CloudTrailEvent& call);

}  // namespace picket::detectors
