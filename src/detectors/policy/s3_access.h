// Whom an S3 configuration call lets in: a small evaluator of bucket policies, access control lists and the
// Block Public Access switches as CloudTrail records them. It asks what a call grants by itself: explicit
// denials and Block Public Access are not weighed, as GuardDuty does not weigh them either.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "event/cloudtrail_event.h"

namespace picket::detectors {

enum class S3Audience : std::uint8_t {
  named,          // accounts, organisations, networks or services that the grant names
  authenticated,  // whoever has credentials of any AWS account
  everyone,
};

struct S3Grant {
  S3Audience audience = S3Audience::named;
  std::string how;  // "policy statement PublicRead", "access control list: READ to AllUsers"
};

// The widest grant of PutBucketPolicy, PutBucketAcl or CreateBucket.
S3Grant widest_grant(const CloudTrailEvent& call);

// Which of the four Block Public Access switches the call leaves off, "BlockPublicAcls, …"; absent when it
// leaves all on or the record does not tell.
std::optional<std::string> blocks_off(const CloudTrailEvent& call);

}  // namespace picket::detectors
