#include "respond/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/json_writer.h"

namespace picket::respond {

namespace dom = simdjson::dom;

namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// The part as it stands between the quotes of a JSON text.
std::string within_quotes(std::string json) {
  if (!json.starts_with('"')) json = json_text(json);
  return json.substr(1, json.size() - 2);
}

// Without `detail`, which is what makes it long.
std::string without_detail(const dom::object& event) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  for (const auto& [name, value] : event)
    if (name != "detail") json.member_raw(name, simdjson::minify(value));
  json.end_object();
  return out;
}

// AWS's names for what is known of any event; nothing: no such name.
std::optional<std::string> known_part(std::string_view name, const dom::element& event, std::string_view rule,
                                      TimeMs now) {
  if (name == "aws.events.rule-name") return json_text(rule);
  if (name == "aws.events.rule-arn") {
    std::string_view account, region;
    if (event["account"].get(account) != simdjson::SUCCESS ||
        event["region"].get(region) != simdjson::SUCCESS)
      return "null";
    return json_text(fmt::format("arn:aws:events:{}:{}:rule/{}", region, account, rule));
  }
  if (name == "aws.events.event.ingestion-time") return json_text(format_time_seconds(now));
  if (name == "aws.events.event") {
    dom::object object;
    return event.get(object) == simdjson::SUCCESS ? without_detail(object) : "null";
  }
  if (name == "aws.events.event.json") return std::string(simdjson::minify(event));
  return std::nullopt;
}

constexpr std::string_view known_names[] = {"aws.events.rule-name", "aws.events.rule-arn",
                                            "aws.events.event.ingestion-time", "aws.events.event",
                                            "aws.events.event.json"};

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text) {
  const auto wrong = [whole = std::string(text)](std::string_view why) {
    return fail(ErrorKind::invalid, fmt::format("the path {} {}", whole, why));
  };
  if (!text.starts_with('$')) return wrong("does not begin with $");
  text.remove_prefix(1);
  JsonPath path;
  while (!text.empty()) {
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      const std::size_t size =
          static_cast<std::size_t>(std::ranges::find_if_not(text, is_name_character) - text.begin());
      if (size == 0) return wrong("has no name behind a dot");
      path.steps_.emplace_back(std::string(text.substr(0, size)));
      text.remove_prefix(size);
      continue;
    }
    const std::size_t end = text.find(']');
    if (!text.starts_with('[') || end == std::string_view::npos)
      return wrong("has neither .NAME nor [NUMBER] there");
    const std::string_view inside = text.substr(1, end - 1);
    std::size_t index = 0;
    const auto [last, error] = std::from_chars(inside.data(), inside.data() + inside.size(), index);
    if (inside == "*") {
      path.steps_.emplace_back(AnyElement{});
    } else if (error == std::errc{} && last == inside.data() + inside.size()) {
      path.steps_.emplace_back(index);
    } else if (inside.size() > 2 && (inside.front() == '\'' || inside.front() == '"') &&
               inside.back() == inside.front()) {
      path.steps_.emplace_back(std::string(inside.substr(1, inside.size() - 2)));
    } else {
      return wrong("has something else than a number, a quoted name or * in brackets");
    }
    text.remove_prefix(end + 1);
  }
  return path;
}

std::optional<std::string> JsonPath::find(const dom::element& event) const { return find(event, 0); }

std::optional<std::string> JsonPath::find(const dom::element& at, std::size_t step) const {
  if (step == steps_.size()) return std::string(simdjson::minify(at));
  dom::element below;
  if (const auto* name = std::get_if<std::string>(&steps_[step])) {
    if (!at.is_object() || at.at_key(*name).get(below) != simdjson::SUCCESS) return std::nullopt;
    return find(below, step + 1);
  }
  dom::array list;
  if (at.get(list) != simdjson::SUCCESS) return std::nullopt;
  if (const auto* index = std::get_if<std::size_t>(&steps_[step])) {
    if (list.at(*index).get(below) != simdjson::SUCCESS) return std::nullopt;
    return find(below, step + 1);
  }
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const dom::element one : list)
    if (const auto found = find(one, step + 1)) json.raw(*found);
  json.end_array();
  return out;
}

Result<Input> Input::make(const RespondTargetKeys& keys) {
  Input input;
  if ((!keys.input.empty()) + (!keys.input_path.empty()) + (!keys.input_template.empty()) > 1)
    return fail(ErrorKind::invalid, "only one of input, input_path and input_template can be given",
                keys.where);
  if (!keys.input_paths.empty() && keys.input_template.empty())
    return fail(ErrorKind::invalid, "input_paths is of use only with input_template", keys.where);
  if (!keys.input.empty()) {
    input.form_ = keys.input;
  } else if (!keys.input_path.empty()) {
    auto path = JsonPath::parse(keys.input_path);
    if (!path) return fail(ErrorKind::invalid, "input_path: " + path.error().what, keys.where);
    input.form_ = std::move(*path);
  } else if (!keys.input_template.empty()) {
    auto made = template_of(keys);
    if (!made) return std::unexpected(made.error());
    input.form_ = std::move(*made);
  }
  return input;
}

Result<Input::Template> Input::template_of(const RespondTargetKeys& keys) {
  Template made;
  for (const auto& [name, text] : keys.input_paths) {
    auto path = JsonPath::parse(text);
    if (!path)
      return fail(ErrorKind::invalid, fmt::format("input_paths.{}: {}", name, path.error().what), keys.where);
    if (name.starts_with("aws.") || name.starts_with("AWS."))
      return fail(ErrorKind::invalid, fmt::format("input_paths.{}: names beginning aws. are AWS's", name),
                  keys.where);
    made.paths.emplace(name, std::move(*path));
  }
  const std::string_view text = keys.input_template;
  Piece piece;
  bool in_quotes = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      // "\<" is how a template has a lone "<"; other escapes are JSON's.
      if (text[i + 1] != '<' && text[i + 1] != '>') piece.text += text[i];
      piece.text += text[++i];
      continue;
    }
    if (text[i] == '"') in_quotes = !in_quotes;
    const std::size_t end = text[i] == '<' ? text.find('>', i) : std::string_view::npos;
    if (end == std::string_view::npos) {
      piece.text += text[i];
      continue;
    }
    piece.name = text.substr(i + 1, end - i - 1);
    piece.quoted = in_quotes;
    if (!made.paths.contains(piece.name) &&
        std::ranges::find(known_names, piece.name) == std::end(known_names))
      return fail(ErrorKind::invalid,
                  fmt::format("input_template uses <{}>, which input_paths does not name", piece.name),
                  keys.where);
    made.pieces.push_back(std::move(piece));
    piece = {};
    i = end;
  }
  made.pieces.push_back(std::move(piece));
  return made;
}

std::string Input::apply(const std::string& event, std::string_view rule, TimeMs now) const {
  if (is_whole()) return event;
  if (const auto* text = std::get_if<std::string>(&form_)) return *text;
  dom::parser parser;
  dom::element root;
  if (parser.parse(event).get(root) != simdjson::SUCCESS) return event;
  if (const auto* path = std::get_if<JsonPath>(&form_)) return path->find(root).value_or("null");
  const Template& made = std::get<Template>(form_);
  std::string out;
  for (const Piece& piece : made.pieces) {
    out += piece.text;
    if (piece.name.empty()) continue;
    const auto path = made.paths.find(piece.name);
    const auto part =
        path == made.paths.end() ? known_part(piece.name, root, rule, now) : path->second.find(root);
    if (!piece.quoted) {
      out += part.value_or("null");
    } else if (part) {
      out += within_quotes(*part);
    }
  }
  return out;
}

}  // namespace picket::respond
