// The findings of a data directory that exists already.
#pragma once

#include <memory>
#include <string>

#include "store/finding_store.h"

namespace picket::cli {

Result<std::unique_ptr<FindingStore>> open_store(const std::string& data_dir);

}  // namespace picket::cli
