#include "event/raw_json.h"

#include <charconv>
#include <vector>

namespace picket {

namespace dom = simdjson::dom;

namespace {

// Making a parser costs more than parsing a small value with it, so each thread keeps a few.
constexpr std::size_t spare_parsers_max = 4;
constexpr std::size_t spare_capacity_max = 1U << 20;  // one that had a larger text is given up
std::vector<std::unique_ptr<dom::parser>>& spare_parsers() {
  thread_local std::vector<std::unique_ptr<dom::parser>> parsers;
  return parsers;
}

}  // namespace

JsonDocument::~JsonDocument() {
  if (parser_ && parser_->capacity() <= spare_capacity_max && spare_parsers().size() < spare_parsers_max) {
    spare_parsers().push_back(std::move(parser_));
  }
}

JsonDocument::JsonDocument(std::string_view text) {
  if (text.empty()) return;
  auto& spare = spare_parsers();
  if (spare.empty()) {
    parser_ = std::make_unique<dom::parser>();
  } else {
    parser_ = std::move(spare.back());
    spare.pop_back();
  }
  dom::element root;
  if (parser_->parse(text.data(), text.size()).get(root) == simdjson::SUCCESS) root_ = root;
}

std::optional<dom::element> JsonDocument::at(std::string_view path) const {
  if (!root_) return std::nullopt;
  dom::element element = *root_;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string_view step = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    dom::element next;
    if (element.is_object()) {
      if (element[step].get(next) != simdjson::SUCCESS) return std::nullopt;
    } else if (element.is_array()) {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
      if (error != std::errc{} || end != step.data() + step.size()) return std::nullopt;
      dom::array items;
      if (element.get(items) != simdjson::SUCCESS || items.at(index).get(next) != simdjson::SUCCESS)
        return std::nullopt;
    } else {
      return std::nullopt;
    }
    element = next;
  }
  return element;
}

std::optional<std::string> scalar_text(const dom::element& element) {
  switch (element.type()) {
    case dom::element_type::STRING:
      return std::string(element.get_string().value_unsafe());
    case dom::element_type::BOOL:
      return element.get_bool().value_unsafe() ? "true" : "false";
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE:
      return simdjson::minify(element);
    default:
      return std::nullopt;
  }
}

std::optional<std::string> RawJson::find(std::string_view path) const {
  if (absent()) return std::nullopt;
  const JsonDocument document = parse();
  const auto element = document.at(path);
  return element ? scalar_text(*element) : std::nullopt;
}

}  // namespace picket
