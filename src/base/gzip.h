// Text packed as one gzip member, for objects that others read.
#pragma once

#include <string>
#include <string_view>

namespace picket {

std::string gzip(std::string_view text);

}  // namespace picket
