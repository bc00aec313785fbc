// What goes back to a client.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace picket::api {

struct Response {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

}  // namespace picket::api
