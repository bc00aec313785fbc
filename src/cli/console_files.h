// The console as it was built (tools/build_console.py writes the definition); empty when it was not.
#pragma once

#include <span>

#include "console/files.h"

namespace picket::cli {

std::span<const console::File> console_files();

}  // namespace picket::cli
