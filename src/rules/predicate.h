// What a rule asks of a record: tests of fields joined by and, or, not. Front ends (Sigma, AWS's custom
// rules) build predicates; RuleMatcher compiles those of all rules together.
//
// A field is named as in the record, steps joined by dots: "eventName",
// "requestParameters.ipPermissions.items.toPort". A step into an array goes into each of its elements (a
// number picks one), "*" goes into every member of an object and "**" to any depth, so that a field can have
// several values: a test holds when one of them passes. An object or array element at the end of a path is
// its JSON text. Flow and DNS fields have AWS's names; see fields.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace picket::rules {

// Makes other values of a field's value, which are tested in its place.
struct ValueFunction {
  std::string_view name;
  std::vector<std::string> (*values)(std::string_view value, std::string_view argument) = nullptr;
};

struct FieldTest {
  enum class Kind : std::uint8_t {
    equals,
    contains,
    prefix,
    suffix,
    wildcard,  // * and ? in the values; a backslash before them or before a backslash takes away the meaning
    regex,     // RE2, found anywhere in the value; always cased (write (?i))
    cidr,      // values are prefixes; the field is an address
    less,      // numbers
    less_equal,
    greater,
    greater_equal,
    exists,  // there and not null
    absent,  // not there, or null
  };
  std::string field;  // empty: the whole text of the record (a keyword)
  Kind kind = Kind::equals;
  std::vector<std::string> values = {};  // one of them passes; none for exists and absent
  bool cased = false;                    // otherwise the case of ASCII letters does not matter
  // `values` are names of fields of the same record (equals, contains, prefix, suffix).
  bool of_fields = false;
  bool none_of = false;  // a value of the field passes when none of `values` does
  const ValueFunction* function = nullptr;
  std::string argument = {};  // of the function
};

struct Predicate {
  enum class Op : std::uint8_t { all, any, negation, test };
  Op op = Op::all;  // all of nothing is true, any of nothing false
  std::vector<Predicate> parts = {};
  FieldTest test = {};
};

inline Predicate test(FieldTest of) { return {Predicate::Op::test, {}, std::move(of)}; }
inline Predicate all_of(std::vector<Predicate> parts) { return {Predicate::Op::all, std::move(parts), {}}; }
inline Predicate any_of(std::vector<Predicate> parts) { return {Predicate::Op::any, std::move(parts), {}}; }
inline Predicate negation(Predicate part) {
  std::vector<Predicate> parts;
  parts.push_back(std::move(part));
  return {Predicate::Op::negation, std::move(parts), {}};
}

}  // namespace picket::rules
