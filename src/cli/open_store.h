// The findings of a data directory that exists already, and one of them by its id.
#pragma once

#include <memory>
#include <string>

#include "store/finding_store.h"

namespace picket::cli {

Result<std::unique_ptr<FindingStore>> open_store(const std::string& data_dir);

// The one finding whose id begins so: the first digits, as tables show them, are enough.
// ErrorKind::not_found; invalid: too short, or of several findings.
Result<Finding> finding_named(FindingStore& store, const std::string& id);

}  // namespace picket::cli
