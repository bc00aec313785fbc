#include "respond/event_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <span>

#include "base/text.h"

namespace picket::respond {

namespace dom = simdjson::dom;

namespace {

constexpr int depth_max = 64;
constexpr double number_limit = 5e9;  // EventBridge compares numbers within it

using How = TextTest::How;
using Kind = ValueTest::Kind;

// ---- reading

Result<TextTest> wildcard_of(std::string_view text) {
  TextTest test{.how = How::wildcard, .text = std::string(text), .pieces = {""}};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '*') {
      if (i > 0 && text[i - 1] == '*' && test.pieces.back().empty())
        return fail(ErrorKind::invalid, "a wildcard cannot have two stars in a row");
      test.pieces.emplace_back();
      continue;
    }
    if (text[i] == '\\') {
      if (i + 1 == text.size() || (text[i + 1] != '*' && text[i + 1] != '\\'))
        return fail(ErrorKind::invalid, "in a wildcard a backslash stands only before * or \\");
      ++i;
    }
    test.pieces.back() += text[i];
  }
  return test;
}

Result<TextTest> text_test(std::string_view name, const dom::element& value) {
  std::string_view text;
  dom::object inner;
  const bool affix = name == "prefix" || name == "suffix";
  if (affix && value.get(inner) == simdjson::SUCCESS) {
    if (inner.size() != 1 || inner["equals-ignore-case"].get(text) != simdjson::SUCCESS || text.empty())
      return fail(ErrorKind::invalid,
                  fmt::format("{} takes a text or {{\"equals-ignore-case\": text}}", name));
    return TextTest{.how = name == "prefix" ? How::prefix_any_case : How::suffix_any_case,
                    .text = lower(text),
                    .pieces = {}};
  }
  if (value.get(text) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, fmt::format("{} takes a text", name));
  if (affix && text.empty())
    return fail(ErrorKind::invalid, fmt::format("{} takes a text that is not empty", name));
  if (name == "wildcard") return wildcard_of(text);
  if (name == "equals-ignore-case")
    return TextTest{.how = How::equal_any_case, .text = lower(text), .pieces = {}};
  return TextTest{
      .how = name == "prefix" ? How::prefix : How::suffix, .text = std::string(text), .pieces = {}};
}

ValueTest test_of(TextTest text) { return {.kind = Kind::text, .text = std::move(text)}; }

// A value that stands for itself; nothing for lists and objects.
std::optional<ValueTest> literal(const dom::element& value) {
  ValueTest test;
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS)
    return test_of({.how = How::equal, .text = std::string(text), .pieces = {}});
  if (value.get(test.boolean) == simdjson::SUCCESS) {
    test.kind = Kind::boolean;
    return test;
  }
  if (value.is_number()) {
    test.kind = Kind::number;
    test.number = value.get<double>();
    return test;
  }
  if (value.is_null()) return test;
  return std::nullopt;
}

Result<ValueTest> range_of(const dom::element& value) {
  const auto wrong = [] {
    return fail(
        ErrorKind::invalid,
        "numeric takes one comparison, [\">\", 5], or a lower and an upper one, [\">\", 0, \"<=\", 5]");
  };
  dom::array parts;
  if (value.get(parts) != simdjson::SUCCESS || (parts.size() != 2 && parts.size() != 4)) return wrong();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  ValueTest test{.kind = Kind::range, .range = {-infinity, infinity, true, true}};
  bool low = false, high = false;
  for (std::size_t i = 0; i < parts.size(); i += 2) {
    std::string_view sign;
    double number = 0;
    if (parts.at(i).get(sign) != simdjson::SUCCESS || parts.at(i + 1).get(number) != simdjson::SUCCESS)
      return wrong();
    if (number < -number_limit || number > number_limit)
      return fail(ErrorKind::invalid, "numeric compares with numbers from -5e9 to 5e9");
    if (sign == "=" && parts.size() == 2) {
      test.range = {number, number, true, true};
    } else if ((sign == ">" || sign == ">=") && !low && !high) {
      low = true;
      test.range.low = number;
      test.range.low_included = sign == ">=";
    } else if ((sign == "<" || sign == "<=") && !high) {
      high = true;
      test.range.high = number;
      test.range.high_included = sign == "<=";
    } else {
      return wrong();
    }
  }
  if (parts.size() == 4 && test.range.low >= test.range.high)
    return fail(ErrorKind::invalid, "numeric has a lower bound that is not below the upper one");
  return test;
}

Result<ValueTest> anything_but_of(const dom::element& value) {
  ValueTest test{.kind = Kind::anything_but};
  const auto add_literal = [&](const dom::element& one) {
    auto known = literal(one);
    if (!known || (known->kind != Kind::text && known->kind != Kind::number)) return false;
    test.others.push_back(std::move(*known));
    return true;
  };
  dom::array list;
  dom::object inner;
  if (value.get(inner) == simdjson::SUCCESS) {
    static constexpr std::string_view names[] = {"prefix", "suffix", "equals-ignore-case", "wildcard"};
    if (inner.size() != 1 || std::ranges::find(names, (*inner.begin()).key) == std::end(names))
      return fail(ErrorKind::invalid,
                  "anything-but takes one of prefix, suffix, equals-ignore-case and wildcard");
    const auto [name, what] = *inner.begin();
    if (what.get(list) != simdjson::SUCCESS) {
      auto text = text_test(name, what);
      if (!text) return std::unexpected(text.error());
      test.others.push_back(test_of(std::move(*text)));
      return test;
    }
    for (const dom::element one : list) {
      auto text = text_test(name, one);
      if (!text) return std::unexpected(text.error());
      test.others.push_back(test_of(std::move(*text)));
    }
  } else if (value.get(list) == simdjson::SUCCESS) {
    for (const dom::element one : list)
      if (!add_literal(one)) return fail(ErrorKind::invalid, "anything-but lists only texts and numbers");
  } else if (!add_literal(value)) {
    return fail(ErrorKind::invalid,
                "anything-but takes a text, a number, a list of them or an operator on texts");
  }
  if (test.others.empty()) return fail(ErrorKind::invalid, "anything-but has an empty list");
  return test;
}

Result<ValueTest> operator_of(const dom::object& object) {
  if (object.size() != 1) return fail(ErrorKind::invalid, "each object in a list holds exactly one operator");
  const auto [name, value] = *object.begin();
  if (name == "prefix" || name == "suffix" || name == "equals-ignore-case" || name == "wildcard") {
    auto text = text_test(name, value);
    if (!text) return std::unexpected(text.error());
    return test_of(std::move(*text));
  }
  if (name == "anything-but") return anything_but_of(value);
  if (name == "numeric") return range_of(value);
  if (name == "exists") {
    bool wanted = false;
    if (value.get(wanted) != simdjson::SUCCESS) return fail(ErrorKind::invalid, "exists takes true or false");
    return ValueTest{.kind = wanted ? Kind::exists : Kind::absent};
  }
  if (name == "cidr") {
    std::string_view text;
    std::optional<IpPrefix> prefix;
    if (value.get(text) == simdjson::SUCCESS && text.contains('/')) prefix = IpPrefix::parse(text);
    if (!prefix) return fail(ErrorKind::invalid, "cidr takes a range of addresses: \"10.0.0.0/24\"");
    return ValueTest{.kind = Kind::cidr, .prefix = *prefix};
  }
  return fail(ErrorKind::invalid, fmt::format("there is no operator \"{}\"", name));
}

std::string dotted(const std::vector<std::string>& path) { return fmt::format("{}", fmt::join(path, ".")); }

Result<std::vector<ValueTest>> tests_of(const dom::array& list, const std::vector<std::string>& path) {
  if (list.size() == 0) return fail(ErrorKind::invalid, "the list is empty", dotted(path));
  std::vector<ValueTest> tests;
  for (const dom::element entry : list) {
    dom::object object;
    if (auto known = literal(entry)) {
      tests.push_back(std::move(*known));
    } else if (entry.get(object) == simdjson::SUCCESS) {
      auto test = operator_of(object);
      if (!test) return fail(ErrorKind::invalid, test.error().what, dotted(path));
      tests.push_back(std::move(*test));
    } else {
      return fail(ErrorKind::invalid, "a list cannot hold another list", dotted(path));
    }
  }
  return tests;
}

Result<PatternNode> node_of(const dom::object& object, std::vector<std::string>& path);

Result<std::vector<PatternNode>> alternatives_of(const dom::element& value, std::vector<std::string>& path) {
  const auto wrong = [&] {
    return fail(ErrorKind::invalid, "$or takes a list of at least two objects",
                path.empty() ? std::string("$or") : dotted(path) + ".$or");
  };
  dom::array list;
  if (value.get(list) != simdjson::SUCCESS || list.size() < 2) return wrong();
  std::vector<PatternNode> nodes;
  for (const dom::element entry : list) {
    dom::object object;
    if (entry.get(object) != simdjson::SUCCESS) return wrong();
    auto node = node_of(object, path);
    if (!node) return std::unexpected(node.error());
    nodes.push_back(std::move(*node));
  }
  return nodes;
}

Result<PatternNode> node_of(const dom::object& object, std::vector<std::string>& path) {
  if (object.size() == 0)
    return fail(ErrorKind::invalid, "the pattern is empty", path.empty() ? std::string() : dotted(path));
  if (path.size() > depth_max) return fail(ErrorKind::too_large, "the pattern is too deep", dotted(path));
  PatternNode node;
  for (const auto& [name, value] : object) {
    if (name == "$or") {
      auto nodes = alternatives_of(value, path);
      if (!nodes) return std::unexpected(nodes.error());
      node.alternatives.push_back(std::move(*nodes));
      continue;
    }
    path.emplace_back(name);
    if (std::ranges::find(node.fields, name, &PatternField::name) != node.fields.end())
      return fail(ErrorKind::invalid, "the field stands there twice", dotted(path));
    PatternField field{.name = std::string(name), .path = path, .tests = {}, .inner = {}};
    dom::object below;
    dom::array list;
    if (value.get(below) == simdjson::SUCCESS) {
      auto inner = node_of(below, path);
      if (!inner) return std::unexpected(inner.error());
      field.inner = std::make_unique<const PatternNode>(std::move(*inner));
    } else if (value.get(list) == simdjson::SUCCESS) {
      auto tests = tests_of(list, path);
      if (!tests) return std::unexpected(tests.error());
      field.tests = std::move(*tests);
    } else {
      return fail(ErrorKind::invalid, "must be a list of what it may be, or an object of fields",
                  dotted(path));
    }
    node.fields.push_back(std::move(field));
    path.pop_back();
  }
  return node;
}

// ---- matching

// Whether a value, not an object, is at the path, through lists.
bool has_value(const dom::element& at, std::span<const std::string> path) {
  dom::array list;
  if (at.get(list) == simdjson::SUCCESS)
    return std::ranges::any_of(list, [&](const dom::element& one) { return has_value(one, path); });
  dom::object object;
  const bool is_object = at.get(object) == simdjson::SUCCESS;
  if (path.empty()) return !is_object;
  dom::element below;
  return is_object && object.at_key(path.front()).get(below) == simdjson::SUCCESS &&
         has_value(below, path.subspan(1));
}

bool holds(const ValueTest& test, const dom::element& value) {
  std::string_view text;
  bool flag = false;
  switch (test.kind) {
    case Kind::text:
      return value.get(text) == simdjson::SUCCESS && test.text.holds(text);
    case Kind::number:
      return value.is_number() && value.get<double>() == test.number;
    case Kind::boolean:
      return value.get(flag) == simdjson::SUCCESS && flag == test.boolean;
    case Kind::null:
      return value.is_null();
    case Kind::range:
      return value.is_number() && test.range.holds(value.get<double>());
    case Kind::cidr: {
      if (value.get(text) != simdjson::SUCCESS) return false;
      const auto ip = IpAddress::parse(text);
      return ip && test.prefix.contains(*ip);
    }
    case Kind::exists:
      return true;
    case Kind::absent:
      return false;  // asked of the whole event
    case Kind::anything_but:
      return std::ranges::none_of(test.others, [&](const ValueTest& other) { return holds(other, value); });
  }
  return false;
}

bool any_value_holds(const std::vector<ValueTest>& tests, const dom::element& value) {
  dom::array list;
  if (value.get(list) == simdjson::SUCCESS)
    return std::ranges::any_of(list, [&](const dom::element& one) { return any_value_holds(tests, one); });
  if (value.is_object()) return false;
  return std::ranges::any_of(tests, [&](const ValueTest& test) { return holds(test, value); });
}

// `value` is what the node is about; nullptr when the event does not have it.
bool agrees(const PatternNode& node, const dom::element* value, const dom::element& event) {
  dom::array list;
  if (value != nullptr && value->get(list) == simdjson::SUCCESS && list.size() > 0)
    return std::ranges::any_of(list, [&](const dom::element& one) { return agrees(node, &one, event); });
  dom::object object;
  const bool is_object = value != nullptr && value->get(object) == simdjson::SUCCESS;
  for (const PatternField& field : node.fields) {
    dom::element below;
    const bool there = is_object && object.at_key(field.name).get(below) == simdjson::SUCCESS;
    if (field.inner) {
      if (!agrees(*field.inner, there ? &below : nullptr, event)) return false;
      continue;
    }
    const bool absent_will_do =
        std::ranges::find(field.tests, Kind::absent, &ValueTest::kind) != field.tests.end();
    if (!(there && any_value_holds(field.tests, below)) && !(absent_will_do && !has_value(event, field.path)))
      return false;
  }
  return std::ranges::all_of(node.alternatives, [&](const std::vector<PatternNode>& nodes) {
    return std::ranges::any_of(nodes, [&](const PatternNode& one) { return agrees(one, value, event); });
  });
}

}  // namespace

bool TextTest::holds(std::string_view value) const {
  switch (how) {
    case How::equal:
      return value == text;
    case How::equal_any_case:
      return lower(value) == text;
    case How::prefix:
      return value.starts_with(text);
    case How::prefix_any_case:
      return lower(value).starts_with(text);
    case How::suffix:
      return value.ends_with(text);
    case How::suffix_any_case:
      return lower(value).ends_with(text);
    case How::wildcard:
      break;
  }
  if (pieces.size() == 1) return value == pieces.front();
  const std::string& last = pieces.back();
  if (!value.starts_with(pieces.front()) || !value.ends_with(last) ||
      value.size() < pieces.front().size() + last.size())
    return false;
  value.remove_prefix(pieces.front().size());
  value.remove_suffix(last.size());
  // What is found first leaves most room for the rest.
  for (std::size_t i = 1; i + 1 < pieces.size(); ++i) {
    const std::size_t at = value.find(pieces[i]);
    if (at == std::string_view::npos) return false;
    value.remove_prefix(at + pieces[i].size());
  }
  return true;
}

Result<EventPattern> EventPattern::parse(std::string_view json) {
  dom::parser parser;
  dom::object root;
  const auto error = parser.parse(json.data(), json.size()).get(root);
  if (error == simdjson::INCORRECT_TYPE) return fail(ErrorKind::invalid, "an event pattern is a JSON object");
  if (error != simdjson::SUCCESS)
    return fail(ErrorKind::invalid,
                fmt::format("the event pattern is not JSON: {}", simdjson::error_message(error)));
  std::vector<std::string> path;
  auto node = node_of(root, path);
  if (!node) return std::unexpected(node.error());
  EventPattern pattern;
  pattern.root_ = std::move(*node);
  return pattern;
}

bool EventPattern::matches(const dom::element& event) const { return agrees(root_, &event, event); }

}  // namespace picket::respond
