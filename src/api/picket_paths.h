// Operations below /picket/v1/ that are told by method and path.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "aws/sigv4.h"

namespace picket::api {

constexpr std::string_view picket_root = "/picket/v1/";
constexpr std::string_view picket_event_source = "picket";  // of the audit log

struct PicketOperation {
  // The path below picket_root. Where `before` ends with a slash, it names something between both.
  std::string_view method, before, after;
  std::string_view name;  // "RunPlaybook"
};

struct FoundOperation {
  std::string_view name;
  std::string subject;  // what the path names, decoded
};

std::optional<FoundOperation> find_picket_operation(std::span<const PicketOperation> operations,
                                                    const aws::HttpRequest& request);

}  // namespace picket::api
