// GuardDuty's operations and shapes as tables, generated at build time from data/api/guardduty.json by
// tools/generate_api_tables.py.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace picket::api {

using ShapeId = std::uint16_t;
constexpr ShapeId no_shape = std::numeric_limits<ShapeId>::max();

enum class ShapeKind : std::uint8_t {
  structure,
  list,
  map,
  string,
  boolean,
  integer,    // 64 bits unless the bounds say less
  number,     // any JSON number
  timestamp,  // epoch seconds, with a fraction
};

enum class Location : std::uint8_t { body, uri, querystring };

struct Member {
  std::string_view name;  // on the wire; lower camel case for parameters in the URI
  ShapeId shape = no_shape;
  Location location = Location::body;
  bool required = false;
};

struct Shape {
  std::string_view name;
  ShapeKind kind = ShapeKind::structure;
  // Length of a string in characters, size of a list or map, value of an integer.
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::string_view pattern;                  // RE2 syntax, for the whole string; empty: any
  std::string_view forbidden_prefix;         // of the string; empty: none
  std::span<const std::string_view> values;  // of an enumeration; empty: any
  std::span<const Member> members;           // of a structure
  ShapeId element = no_shape;                // of a list; value of a map
  ShapeId key = no_shape;                    // of a map
  bool sensitive = false;                    // not for logs
};

struct Operation {
  std::string_view name;    // "ListFindings"
  std::string_view method;  // "POST"
  std::string_view uri;     // "/detector/{detectorId}/findings"
  std::uint16_t status = 200;
  ShapeId input = no_shape;   // absent: takes nothing
  ShapeId output = no_shape;  // absent: answers nothing
};

std::span<const Operation> operations();  // sorted by name
std::span<const Shape> shapes();
const Operation* find_operation(std::string_view name);

// A finding type for CreateSampleFindings; the parts are JSON with ${ACCOUNT}, ${REGION}, ${PARTITION}.
struct SampleType {
  std::string_view type;
  double severity;
  std::string_view resource;  // a JSON object, the finding's `resource`
  std::string_view action;    // a JSON object, the finding's `service.action`; empty: none
  std::string_view extra;     // further members of `service`, JSON without the braces; may be empty
  std::string_view role;      // service.resourceRole
  std::string_view feature;   // service.featureName; empty for foundational types
};
std::span<const SampleType> sample_types();  // sorted by type

}  // namespace picket::api
