#include "api/router.h"

#include <vector>

#include "aws/sigv4.h"

namespace picket::api {

namespace {

// Segments of "/a/b" are a and b; the first slash is required.
std::optional<std::vector<std::string_view>> segments_of(std::string_view path) {
  if (!path.starts_with('/')) return std::nullopt;
  std::vector<std::string_view> out;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t slash = path.find('/');
    out.push_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash);
  }
  return out;
}

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }

}  // namespace

Router::Router() {
  for (const Operation& operation : operations()) {
    Node* node = &root_;
    const auto segments = segments_of(operation.uri);
    for (const std::string_view segment : *segments) {
      std::unique_ptr<Node>& next =
          is_parameter(segment) ? node->parameter : node->fixed[std::string(segment)];
      if (!next) next = std::make_unique<Node>();
      node = next.get();
    }
    node->operations[operation.method] = &operation;
  }
}

std::optional<Route> Router::find(std::string_view method, std::string_view path) const {
  const auto segments = segments_of(path);
  if (!segments) return std::nullopt;
  const Node* node = &root_;
  std::vector<std::string> values;
  for (const std::string_view segment : *segments) {
    if (segment.empty()) return std::nullopt;
    const std::string decoded = aws::uri_decode(segment);
    if (const auto fixed = node->fixed.find(decoded); fixed != node->fixed.end()) {
      node = fixed->second.get();
    } else if (node->parameter) {
      values.push_back(decoded);
      node = node->parameter.get();
    } else {
      return std::nullopt;
    }
  }
  const auto found = node->operations.find(method);
  if (found == node->operations.end()) return std::nullopt;
  Route route{.operation = found->second, .uri = {}};
  std::size_t next = 0;
  const auto names = segments_of(found->second->uri);
  for (const std::string_view segment : *names)
    if (is_parameter(segment)) route.uri[std::string(segment.substr(1, segment.size() - 2))] = values[next++];
  return route;
}

QueryParameters parse_query(std::string_view query) {
  QueryParameters out;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    out.emplace_back(aws::uri_decode(part.substr(0, equals)),
                     equals == std::string_view::npos ? "" : aws::uri_decode(part.substr(equals + 1)));
  }
  return out;
}

}  // namespace picket::api
