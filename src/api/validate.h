// Checks what a client sent against the service model: required members, kinds, enumerations, lengths,
// patterns and ranges. Members the model lacks are ignored, null is the same as absent.
#pragma once

#include <simdjson.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/tables.h"

namespace picket::api {

struct Invalid {
  std::string parameter;  // path from the top, "tags.env" or "findingCriteria.criterion.severity.gte"
  std::string why;        // for the log and for tests; clients get GuardDuty's sentence
};

// Percent-decoded; a key of the query may repeat.
using UriParameters = std::map<std::string, std::string, std::less<>>;
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

// `body` is absent when none was sent, which means {}.
std::optional<Invalid> validate(const Operation& operation, const UriParameters& uri,
                                const QueryParameters& query, std::optional<simdjson::dom::element> body);

enum class Unknown : unsigned char { ignored, refused };

// A JSON value against a shape, without regard to where members travel.
std::optional<Invalid> validate_value(ShapeId shape, const simdjson::dom::element& value, std::string path,
                                      Unknown unknown = Unknown::ignored);

}  // namespace picket::api
