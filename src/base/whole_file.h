// Files that are written whole or not at all.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace picket {

// Under a temporary name, synced, renamed, the folder synced: a reader sees the old text or the new one. Only
// the owner may read it.
Result<void> write_whole_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace picket
