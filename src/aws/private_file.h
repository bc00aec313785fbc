// Files that hold secrets: mode 0600, written by write_whole_file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace picket::aws {

// The whole file; an absent one reads as empty. One that group or others may read is refused.
Result<std::string> read_private(const std::filesystem::path& file);
Result<std::string> random_bytes(std::size_t length);

}  // namespace picket::aws
