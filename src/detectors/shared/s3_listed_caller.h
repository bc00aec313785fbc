// What the families of S3 requests from listed addresses have in common: what a data event does to the
// bucket.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>

#include "engine/detector.h"

namespace picket::detectors {

// Who may be looked at in the S3 plan: an object-level request (CloudTrail data event) with credentials.
bool s3_data_request(const CloudTrailEvent& call);

// discovery: lists objects or tells about them. exfiltration: hands out their content. impact: writes,
// deletes or re-permits them.
enum class S3Purpose : std::uint8_t { discovery, exfiltration, impact };
S3Purpose s3_purpose_of(const CloudTrailEvent& call);

// Evidence when the request counts for an S3 type of listed callers and a hit has one of the categories.
std::optional<Evidence> listed_s3_request(const CloudTrailEvent& call, const Context& context,
                                          std::initializer_list<IntelCategory> categories);

}  // namespace picket::detectors
