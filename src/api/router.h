// Finds the operation a request means. The path is split before it is decoded, because an ARN travels as
// one percent-encoded segment.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/tables.h"
#include "api/validate.h"

namespace picket::api {

struct Route {
  const Operation* operation = nullptr;
  UriParameters uri;
};

class Router {
 public:
  Router();  // knows every operation of the tables
  // Absent: no operation has this method and path. `path` as it is on the wire.
  std::optional<Route> find(std::string_view method, std::string_view path) const;

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> fixed;
    std::unique_ptr<Node> parameter;
    // By method; the names of the parameters on the way, in order, differ between operations.
    std::map<std::string_view, const Operation*> operations;
  };
  Node root_;
};

// "a=1&b=c%20d" as decoded pairs in order.
QueryParameters parse_query(std::string_view query);

}  // namespace picket::api
