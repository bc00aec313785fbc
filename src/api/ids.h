// Ids of what clients create, and of their calls.
#pragma once

#include <string>

namespace picket::api {

std::string new_id();          // 32 random lower-case hex digits
std::string new_request_id();  // a version 4 UUID

}  // namespace picket::api
