#include "store/criteria.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

#include "store/condition_matcher.h"
#include "store/finding_store.h"

namespace picket {

namespace {

constexpr std::size_t attributes_max = 50;  // of one FindingCriteria, as GuardDuty's filters
constexpr std::size_t values_max = 50;      // of one equals or notEquals
constexpr std::size_t patterns_max = 5;     // of one matches or notMatches
constexpr std::size_t pattern_chars_max = 512;
constexpr std::size_t value_bytes_max = 2048;
constexpr std::size_t text_bytes_max = 4 << 20;  // 50 attributes of 100 values of 512 bytes fit with room

using Element = simdjson::dom::element;

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// Reads a list of strings into `out`, without repeating what is there.
Result<void> read_values(const Element& value, std::string_view path, std::string_view operation,
                         std::size_t items_max,
                         const std::function<Result<std::string>(std::string_view)>& convert,
                         std::vector<std::string>& out) {
  simdjson::dom::array items;
  if (value.get_array().get(items) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, std::string(operation) + " must be a list of strings", std::string(path));
  std::size_t count = 0;
  for (const Element item : items) {
    std::string_view text;
    if (item.get_string().get(text) != simdjson::SUCCESS)
      return fail(ErrorKind::invalid, std::string(operation) + " must be a list of strings",
                  std::string(path));
    if (++count > items_max)
      return fail(ErrorKind::invalid,
                  std::string(operation) + " takes at most " + std::to_string(items_max) + " values",
                  std::string(path));
    auto converted = convert(text);
    if (!converted) return fail(ErrorKind::invalid, converted.error().what, std::string(path));
    if (std::ranges::find(out, *converted) == out.end()) out.push_back(std::move(*converted));
  }
  return {};
}

Result<void> read_bound(const Element& value, std::string_view path, std::string_view operation,
                        double& out) {
  double number = 0;
  if (value.is_bool() || value.get_double().get(number) != simdjson::SUCCESS || !std::isfinite(number))
    return fail(ErrorKind::invalid, std::string(operation) + " must be a number", std::string(path));
  out = number;
  return {};
}

void narrow_above(Condition& condition, double bound, bool inclusive) {
  if (bound > condition.above) {
    condition.above = bound;
    condition.above_inclusive = inclusive;
  } else if (bound == condition.above) {
    condition.above_inclusive = condition.above_inclusive && inclusive;
  }
}

void narrow_below(Condition& condition, double bound, bool inclusive) {
  if (bound < condition.below) {
    condition.below = bound;
    condition.below_inclusive = inclusive;
  } else if (bound == condition.below) {
    condition.below_inclusive = condition.below_inclusive && inclusive;
  }
}

Result<Condition> read_condition(AttributeId id, const simdjson::dom::object& object, CriteriaUse use) {
  const Attribute& attribute = filterable_attributes()[id];
  Condition condition{.attribute = id};
  const auto value = [&](std::string_view text) -> Result<std::string> {
    if (text.size() > value_bytes_max) return fail(ErrorKind::invalid, "a value is longer than 2048 bytes");
    return canonical_value(attribute.kind, text);
  };
  const auto pattern = [](std::string_view text) -> Result<std::string> {
    if (text.empty() || characters(text) > pattern_chars_max)
      return fail(ErrorKind::invalid, "a pattern must have 1 to 512 characters");
    return std::string(text);
  };
  for (const auto& [operation, given] : object) {
    if (given.is_null()) continue;
    Result<void> read;
    double bound = 0;
    if (operation == "equals" || operation == "eq") {
      read = read_values(given, attribute.path, operation, values_max, value, condition.equals);
    } else if (operation == "notEquals" || operation == "neq") {
      read = read_values(given, attribute.path, operation, values_max, value, condition.not_equals);
    } else if (operation == "matches" || operation == "notMatches") {
      if (use != CriteriaUse::filter)
        return fail(ErrorKind::invalid, std::string(operation) + " is only for filters",
                    std::string(attribute.path));
      read = read_values(given, attribute.path, operation, patterns_max, pattern,
                         operation == "matches" ? condition.matches : condition.not_matches);
    } else if (operation == "greaterThan" || operation == "gt") {
      if ((read = read_bound(given, attribute.path, operation, bound))) narrow_above(condition, bound, false);
    } else if (operation == "greaterThanOrEqual" || operation == "gte") {
      if ((read = read_bound(given, attribute.path, operation, bound))) narrow_above(condition, bound, true);
    } else if (operation == "lessThan" || operation == "lt") {
      if ((read = read_bound(given, attribute.path, operation, bound))) narrow_below(condition, bound, false);
    } else if (operation == "lessThanOrEqual" || operation == "lte") {
      if ((read = read_bound(given, attribute.path, operation, bound))) narrow_below(condition, bound, true);
    } else {
      return fail(ErrorKind::invalid, "unknown condition " + std::string(operation.substr(0, 64)),
                  std::string(attribute.path));
    }
    if (!read) return std::unexpected(read.error());
  }
  return condition;
}

}  // namespace

Result<Criteria> parse_criteria(std::string_view json, CriteriaUse use) {
  Criteria criteria;
  if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) return criteria;
  if (json.size() > text_bytes_max)
    return fail(ErrorKind::too_large, "the finding criteria are longer than 4 MiB");
  simdjson::dom::parser parser;
  Element root;
  if (const auto error = parser.parse(json.data(), json.size()).get(root); error != simdjson::SUCCESS)
    return fail(ErrorKind::invalid,
                std::string("the finding criteria are not valid JSON: ") + simdjson::error_message(error));
  if (root.is_null()) return criteria;
  if (!root.is_object()) return fail(ErrorKind::invalid, "the finding criteria must be an object");
  Element criterion;
  if (root["criterion"].get(criterion) != simdjson::SUCCESS || criterion.is_null()) return criteria;
  simdjson::dom::object conditions;
  if (criterion.get_object().get(conditions) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, "criterion must be an object", "criterion");
  std::map<AttributeId, Condition> by_attribute;
  for (const auto& [path, given] : conditions) {
    const auto id = find_attribute(path);
    if (!id) return fail(ErrorKind::invalid, "unknown attribute", std::string(path.substr(0, 256)));
    if (given.is_null()) continue;
    simdjson::dom::object object;
    if (given.get_object().get(object) != simdjson::SUCCESS)
      return fail(ErrorKind::invalid, "a condition must be an object", std::string(path));
    auto condition = read_condition(*id, object, use);
    if (!condition) return std::unexpected(condition.error());
    if (!by_attribute.emplace(*id, std::move(*condition)).second)
      return fail(ErrorKind::invalid, "the attribute is given twice", std::string(path));
    if (by_attribute.size() > attributes_max)
      return fail(ErrorKind::invalid, "criteria take at most 50 attributes", "criterion");
  }
  for (auto& [id, condition] : by_attribute) criteria.conditions.push_back(std::move(condition));
  return criteria;
}

Result<bool> matches(const Criteria& criteria, const FindingRow& row) {
  std::vector<ConditionMatcher> matchers;
  std::vector<unsigned> flags(criteria.conditions.size());
  for (const Condition& condition : criteria.conditions) matchers.emplace_back(condition);
  for (std::size_t i = 0; i < matchers.size(); ++i) {
    const AttributeId id = criteria.conditions[i].attribute;
    if (is_row_attribute(id)) flags[i] = matchers[i].value_flags(row_value(row, id));
  }
  const auto flattened = flatten_document(row.document, [&](AttributeId id, std::string_view value) {
    const auto found = std::ranges::lower_bound(criteria.conditions, id, {}, &Condition::attribute);
    if (found == criteria.conditions.end() || found->attribute != id) return;
    const auto i = static_cast<std::size_t>(found - criteria.conditions.begin());
    flags[i] |= matchers[i].text_flags(value);
  });
  if (!flattened) return std::unexpected(flattened.error());
  for (std::size_t i = 0; i < matchers.size(); ++i)
    if (!matchers[i].passes(flags[i])) return false;
  return true;
}

}  // namespace picket
