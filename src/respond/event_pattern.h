// EventBridge's language of event patterns: which events a rule wants. A pattern is a JSON object that names
// fields; each field is a list of what it may be, and all fields must agree. Operators: prefix, suffix,
// equals-ignore-case, wildcard, anything-but with its nested forms, numeric, exists, cidr, and $or beside
// fields.
#pragma once

#include <simdjson.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace picket::respond {

// How one text may look; case counts unless said otherwise.
struct TextTest {
  enum class How : unsigned char {
    equal,
    equal_any_case,
    prefix,
    prefix_any_case,
    suffix,
    suffix_any_case,
    wildcard
  };
  How how = How::equal;
  std::string text;                 // in lower case where case does not count
  std::vector<std::string> pieces;  // wildcard: what stands between the stars
  bool holds(std::string_view value) const;
};

struct NumberRange {
  double low = 0, high = 0;
  bool low_included = false, high_included = false;
  bool holds(double number) const {
    return (low_included ? number >= low : number > low) && (high_included ? number <= high : number < high);
  }
};

// One entry of a field's list.
struct ValueTest {
  enum class Kind : unsigned char { text, number, boolean, null, range, cidr, exists, absent, anything_but };
  Kind kind = Kind::null;
  TextTest text;
  double number = 0;
  bool boolean = false;
  NumberRange range;
  IpPrefix prefix;
  std::vector<ValueTest> others;  // anything_but: what it must not be
};

struct PatternNode;

struct PatternField {
  std::string name;
  std::vector<std::string> path;  // from the event's top
  std::vector<ValueTest> tests;   // of a leaf; empty: `inner` is given
  std::unique_ptr<const PatternNode> inner;
};

struct PatternNode {
  std::vector<PatternField> fields;                    // all must agree
  std::vector<std::vector<PatternNode>> alternatives;  // of each $or one must agree
};

class EventPattern {
 public:
  // The error tells which field is wrong, and why.
  static Result<EventPattern> parse(std::string_view json);
  // As EventBridge does: of a list any element may agree, but fields below one list must agree in the same
  // element; `exists` asks for values, not for objects.
  bool matches(const simdjson::dom::element& event) const;

 private:
  PatternNode root_;
};

}  // namespace picket::respond
