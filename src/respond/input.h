// What of an event a target is given, as EventBridge's targets have it: all, a part, a fixed text, or a
// template whose <names> stand for parts.
#pragma once

#include <simdjson.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "config/respond_keys.h"

namespace picket::respond {

// "$.detail.resource.instanceDetails.tags[0].value", "$['detail-type']", "$.detail.service.resourceRole".
class JsonPath {
 public:
  static Result<JsonPath> parse(std::string_view text);
  // "[*]" makes a list of what the rest finds in each element. Nothing: the event has no such part.
  std::optional<std::string> find(const simdjson::dom::element& event) const;  // JSON

 private:
  struct AnyElement {};
  std::vector<std::variant<std::string, std::size_t, AnyElement>> steps_;
  std::optional<std::string> find(const simdjson::dom::element& at, std::size_t step) const;
};

class Input {
 public:
  static Result<Input> make(const RespondTargetKeys& keys);
  // Whether an event is passed on as it is.
  bool is_whole() const { return std::holds_alternative<Whole>(form_); }
  // `rule` is the rule's name, `now` the wall clock. Within quotes of a template a part that is text stands
  // without its own quotes; what the event lacks is empty there and null elsewhere.
  std::string apply(const std::string& event, std::string_view rule, TimeMs now) const;

 private:
  struct Whole {};
  struct Piece {
    std::string text;  // before the name
    std::string name;  // empty: none follows
    bool quoted = false;
  };
  struct Template {
    std::map<std::string, JsonPath> paths;
    std::vector<Piece> pieces;
  };
  static Result<Template> template_of(const RespondTargetKeys& keys);
  std::variant<Whole, std::string, JsonPath, Template> form_;
};

}  // namespace picket::respond
