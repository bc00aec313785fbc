// What Prometheus's clients tell of a process, under their names, and which version it is.
#pragma once

#include <string>
#include <string_view>

namespace picket {

std::string process_metrics(std::string_view version);

}  // namespace picket
