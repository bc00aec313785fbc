#include "api/audit_parameters.h"

#include <simdjson.h>

#include <algorithm>

#include "base/json_writer.h"

namespace picket::api {

namespace {

using simdjson::dom::element;

constexpr std::size_t parameters_bytes_max = 100'000;  // CloudTrail's records have at most 256 KB
constexpr std::size_t depth_max = 64;
constexpr std::string_view hidden = "HIDDEN_DUE_TO_SECURITY_REASONS";  // CloudTrail's words

// `shape` is no_shape below members that the model does not know.
void write_value(JsonWriter& json, ShapeId shape, const element& value) {
  const Shape* known = shape == no_shape ? nullptr : &shapes()[shape];
  if (known != nullptr && known->sensitive) return json.value(hidden);
  simdjson::dom::object object;
  simdjson::dom::array array;
  if (value.get(object) == simdjson::SUCCESS) {
    json.begin_object();
    for (const auto& [name, member] : object) {
      ShapeId below = known != nullptr && known->kind == ShapeKind::map ? known->element : no_shape;
      if (known != nullptr && known->kind == ShapeKind::structure) {
        const auto found = std::ranges::find(known->members, std::string_view(name), &Member::name);
        if (found != known->members.end()) below = found->shape;
      }
      json.key(name);
      write_value(json, below, member);
    }
    json.end_object();
  } else if (value.get(array) == simdjson::SUCCESS) {
    json.begin_array();
    for (const element item : array) write_value(json, known != nullptr ? known->element : no_shape, item);
    json.end_array();
  } else {
    json.raw(simdjson::minify(value));
  }
}

}  // namespace

std::string audited_parameters(const Route& route, const aws::HttpRequest& request) {
  if (request.body.size() > parameters_bytes_max) return {};
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  for (const auto& [name, value] : route.uri) json.member(name, value);
  std::map<std::string, std::vector<std::string>> query;
  for (auto& [name, value] : parse_query(request.query)) query[name].push_back(std::move(value));
  for (const auto& [name, values] : query) {
    json.key(name);
    if (values.size() == 1) {
      json.value(values.front());
      continue;
    }
    json.value(values);
  }
  simdjson::dom::parser parser;
  element body;
  simdjson::dom::object members;
  const bool readable =
      parser.allocate(std::max<std::size_t>(request.body.size(), 1), depth_max) == simdjson::SUCCESS &&
      parser.parse(request.body.data(), request.body.size()).get(body) == simdjson::SUCCESS &&
      body.get(members) == simdjson::SUCCESS;
  if (readable) {
    const ShapeId input = route.operation->input;
    for (const auto& [name, value] : members) {
      ShapeId shape = no_shape;
      if (input != no_shape) {
        const auto& known = shapes()[input].members;
        const auto found = std::ranges::find(known, std::string_view(name), &Member::name);
        if (found != known.end()) shape = found->shape;
      }
      json.key(name);
      write_value(json, shape, value);
    }
  }
  json.end_object();
  return out;
}

}  // namespace picket::api
