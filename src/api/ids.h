// Ids of what clients create.
#pragma once

#include <string>

namespace picket::api {

std::string new_id();  // 32 random lower-case hex digits

}  // namespace picket::api
