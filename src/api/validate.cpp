#include "api/validate.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <ranges>

namespace picket::api {

namespace {

// In an error.
constexpr std::size_t values_named_max = 20;
constexpr std::size_t pattern_shown_max = 100;  // characters

using simdjson::dom::element;
using simdjson::dom::element_type;

// Compiled once; the model's patterns are trusted and few.
const re2::RE2& pattern_of(ShapeId id) {
  static const auto compiled = [] {
    std::vector<std::unique_ptr<re2::RE2>> all(shapes().size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string_view pattern = shapes()[i].pattern;
      if (!pattern.empty())
        all[i] = std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()));
    }
    return all;
  }();
  return *compiled[id];
}

std::int64_t characters(std::string_view utf8) {
  return std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

std::optional<Invalid> invalid(std::string path, std::string why) {
  return Invalid{std::move(path), std::move(why)};
}

std::optional<Invalid> check_bounds(const Shape& shape, std::int64_t value, const std::string& path,
                                    std::string_view what) {
  if (value >= shape.min && value <= shape.max) return std::nullopt;
  return invalid(path, fmt::format("{} {} is not within {} and {}", what, value, shape.min, shape.max));
}

std::optional<Invalid> check_string(ShapeId id, std::string_view text, const std::string& path) {
  const Shape& shape = shapes()[id];
  if (auto wrong = check_bounds(shape, characters(text), path, "length")) return wrong;
  if (!shape.values.empty() && std::ranges::find(shape.values, text) == shape.values.end())
    return invalid(path,
                   fmt::format("it is none of {}", shape.values.size() <= values_named_max
                                                       ? fmt::format("{}", fmt::join(shape.values, ", "))
                                                       : "the allowed values"));
  if (!shape.forbidden_prefix.empty() && text.starts_with(shape.forbidden_prefix))
    return invalid(path, fmt::format("it begins with {}", shape.forbidden_prefix));
  if (!shape.pattern.empty() &&
      !re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), pattern_of(id)))
    return invalid(path, shape.pattern.size() <= pattern_shown_max
                             ? fmt::format("it does not match the pattern {}", shape.pattern)
                             : "it does not match the pattern");
  return std::nullopt;
}

// A parameter of the URI or the query: text that stands for a value of the shape.
std::optional<Invalid> check_text(ShapeId id, const std::string& text, const std::string& name) {
  const Shape& shape = shapes()[id];
  switch (shape.kind) {
    case ShapeKind::string:
      return check_string(id, text, name);
    case ShapeKind::boolean:
      if (text == "true" || text == "false") return std::nullopt;
      return invalid(name, "it is not a boolean");
    case ShapeKind::integer:
    case ShapeKind::number: {
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size())
        return invalid(name, "it is not an integer");
      return check_bounds(shape, value, name, "value");
    }
    default:
      return invalid(name, "it cannot be sent here");
  }
}

bool is_absent(const simdjson::simdjson_result<element>& member) {
  return member.error() != simdjson::SUCCESS || member.value_unsafe().is_null();
}

std::optional<Invalid> check_members(const Shape& shape, const simdjson::dom::object& object,
                                     const std::string& path, bool body_only, Unknown unknown) {
  const std::string prefix = path.empty() ? "" : path + '.';
  for (const Member& member : shape.members) {
    if (body_only && member.location != Location::body) continue;
    const auto found = object[member.name];
    if (is_absent(found)) {
      if (member.required) return invalid(prefix + std::string(member.name), "it is required");
      continue;
    }
    if (auto wrong =
            validate_value(member.shape, found.value_unsafe(), prefix + std::string(member.name), unknown))
      return wrong;
  }
  if (unknown == Unknown::refused) {
    for (const auto& [key, value] : object)
      if (std::ranges::find(shape.members, key, &Member::name) == shape.members.end())
        return invalid(prefix + std::string(key), "it is not in the model");
  }
  return std::nullopt;
}

}  // namespace

std::optional<Invalid> validate_value(ShapeId id, const element& value, std::string path, Unknown unknown) {
  const Shape& shape = shapes()[id];
  switch (shape.kind) {
    case ShapeKind::structure: {
      simdjson::dom::object object;
      if (value.get(object) != simdjson::SUCCESS) return invalid(path, "it is not an object");
      return check_members(shape, object, path, false, unknown);
    }
    case ShapeKind::map: {
      simdjson::dom::object object;
      if (value.get(object) != simdjson::SUCCESS) return invalid(path, "it is not an object");
      if (auto wrong = check_bounds(shape, static_cast<std::int64_t>(object.size()), path, "size"))
        return wrong;
      for (const auto& [key, member] : object) {
        const std::string member_path = path + '.' + std::string(key);
        if (auto wrong = check_string(shape.key, key, member_path)) return wrong;
        if (auto wrong = validate_value(shape.element, member, member_path, unknown)) return wrong;
      }
      return std::nullopt;
    }
    case ShapeKind::list: {
      simdjson::dom::array array;
      if (value.get(array) != simdjson::SUCCESS) return invalid(path, "it is not a list");
      if (auto wrong = check_bounds(shape, static_cast<std::int64_t>(array.size()), path, "size"))
        return wrong;
      for (const element member : array)
        if (auto wrong = validate_value(shape.element, member, path, unknown)) return wrong;
      return std::nullopt;
    }
    case ShapeKind::string: {
      std::string_view text;
      if (value.get(text) != simdjson::SUCCESS) return invalid(path, "it is not a string");
      return check_string(id, text, path);
    }
    case ShapeKind::boolean:
      return value.is_bool() ? std::nullopt : invalid(path, "it is not a boolean");
    case ShapeKind::integer: {
      std::int64_t number = 0;
      if (value.get(number) != simdjson::SUCCESS) return invalid(path, "it is not an integer");
      return check_bounds(shape, number, path, "value");
    }
    case ShapeKind::number:
    case ShapeKind::timestamp:
      return value.is_number() ? std::nullopt : invalid(path, "it is not a number");
  }
  return std::nullopt;
}

std::optional<Invalid> validate(const Operation& operation, const UriParameters& uri,
                                const QueryParameters& query, std::optional<element> body) {
  if (operation.input == no_shape) return std::nullopt;
  const Shape& input = shapes()[operation.input];
  bool takes_body = false;
  for (const Member& member : input.members) {
    const std::string name(member.name);
    if (member.location == Location::body) {
      takes_body = true;
      if (member.required && !body) return invalid(name, "it is required");
    }
    if (member.location == Location::uri) {
      const auto found = uri.find(name);
      if (found == uri.end()) return invalid(name, "it is required");
      if (auto wrong = check_text(member.shape, found->second, name)) return wrong;
    }
    if (member.location != Location::querystring) continue;
    const Shape& shape = shapes()[member.shape];
    std::int64_t sent = 0;
    for (const auto& [key, text] : query) {
      // An empty token or number is how some clients write none.
      if (key != name || (shape.kind != ShapeKind::list && text.empty())) continue;
      ++sent;
      if (auto wrong = check_text(shape.kind == ShapeKind::list ? shape.element : member.shape, text, name))
        return wrong;
    }
    if (sent == 0 && member.required) return invalid(name, "it is required");
    if (shape.kind != ShapeKind::list && sent > 1) return invalid(name, "it is repeated");
    if (shape.kind == ShapeKind::list && sent > 0)
      if (auto wrong = check_bounds(shape, sent, name, "size")) return wrong;
  }
  if (!takes_body || !body) return std::nullopt;
  simdjson::dom::object object;
  if (body->get(object) != simdjson::SUCCESS) return invalid("body", "it is not an object");
  return check_members(input, object, "", true, Unknown::ignored);
}

}  // namespace picket::api
