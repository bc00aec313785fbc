// Reads a whole file, for tables that are loaded once.
#pragma once

#include <string>

#include "base/result.h"

namespace picket {

// Errors name the path. A directory or a file that cannot be read is an error; an empty file is not.
Result<std::string> read_text_file(const std::string& path);

}  // namespace picket
