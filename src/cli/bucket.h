// With which credentials, and where, a [[source]] that is a bucket is read.
#pragma once

#include <memory>
#include <optional>

#include "aws/caller_keys.h"
#include "base/result.h"
#include "config/config.h"
#include "integrity/archive.h"

namespace picket::cli {

// The source's own, or those of [s3], or of the environment.
Result<std::optional<aws::CallerKey>> key_of(const Config& config, const SourceKeys& source);

// The configuration's source of a bucket tells credentials, role and endpoint; none: the environment does.
// `region`, if any, goes before its own.
SourceKeys source_of_bucket(const Config& config, const std::string& bucket, const std::string& region);

// What lies in its bucket, to verify and to show.
Result<std::shared_ptr<const integrity::Archive>> archive_of(const Config& config, const SourceKeys& source);

}  // namespace picket::cli
