#include "store/attributes.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "base/time.h"

namespace picket {

namespace {

constexpr Attribute table[] = {
#define FILTERABLE(path, kind, listed) {path, AttributeKind::kind, listed},
#include "store/filterable_attributes.inc"
#undef FILTERABLE
};

constexpr bool table_is_sorted() {
  for (std::size_t i = 1; i < std::size(table); ++i)
    if (!(table[i - 1].path < table[i].path)) return false;
  return true;
}
static_assert(table_is_sorted());

consteval AttributeId index_of(std::string_view path) {
  for (std::size_t i = 0; i < std::size(table); ++i)
    if (table[i].path == path) return static_cast<AttributeId>(i);
  throw "no such attribute";
}

constexpr AttributeId row_attributes[] = {index_of("accountId"),
                                          index_of("region"),
                                          index_of("id"),
                                          index_of("type"),
                                          index_of("severity"),
                                          index_of("createdAt"),
                                          index_of("updatedAt"),
                                          index_of("service.archived"),
                                          index_of("service.count"),
                                          index_of("service.eventFirstSeen"),
                                          index_of("service.eventLastSeen"),
                                          index_of("service.detectorId"),
                                          index_of("service.userFeedback")};

// The paths as a tree by lower-cased member name, so that a document is walked once and only where a path
// leads.
class PathTree {
 public:
  struct Node {
    std::vector<std::pair<std::string, std::size_t>> children;  // sorted by name
    std::optional<AttributeId> attribute;
  };

  PathTree() : nodes_(1) {
    for (std::size_t i = 0; i < std::size(table); ++i) {
      if (is_row_attribute(static_cast<AttributeId>(i))) continue;
      std::size_t at = 0;
      std::string_view rest = table[i].path;
      while (!rest.empty()) {
        const std::size_t dot = std::min(rest.find('.'), rest.size());
        at = child_or_new(at, lower(rest.substr(0, dot)));
        rest.remove_prefix(std::min(dot + 1, rest.size()));
      }
      nodes_[at].attribute = static_cast<AttributeId>(i);
    }
    for (Node& node : nodes_) std::ranges::sort(node.children);
    additional_info_ = *child(*child(0, "service"), "additionalinfo");
  }

  const Node& node(std::size_t at) const { return nodes_[at]; }
  std::size_t additional_info() const { return additional_info_; }

  std::optional<std::size_t> child(std::size_t at, std::string_view name) const {
    std::array<char, 64> folded;
    if (name.size() > folded.size()) return std::nullopt;
    std::ranges::transform(name, folded.begin(), to_lower);
    const std::string_view key(folded.data(), name.size());
    const auto& children = nodes_[at].children;
    const auto found = std::ranges::lower_bound(children, key, {},
                                                [](const auto& c) -> std::string_view { return c.first; });
    if (found == children.end() || found->first != key) return std::nullopt;
    return found->second;
  }

 private:
  static char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
  static std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), to_lower);
    return out;
  }
  std::size_t child_or_new(std::size_t at, const std::string& name) {
    for (const auto& [known, node] : nodes_[at].children)
      if (known == name) return node;
    nodes_.emplace_back();
    nodes_[at].children.emplace_back(name, nodes_.size() - 1);
    return nodes_.size() - 1;
  }

  std::vector<Node> nodes_;
  std::size_t additional_info_ = 0;
};

const PathTree& path_tree() {
  static const PathTree tree;
  return tree;
}

std::string number_text(double number) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), end};
}

using Emit = std::function<void(AttributeId, std::string_view)>;

void emit_scalar(AttributeId id, const simdjson::dom::element& value, const Emit& emit) {
  const AttributeKind kind = table[id].kind;
  switch (value.type()) {
    case simdjson::dom::element_type::STRING: {
      const std::string_view text = value.get_string().value_unsafe();
      if (kind == AttributeKind::text) return emit(id, text);
      return emit(id, canonical_value(kind, text));
    }
    case simdjson::dom::element_type::BOOL:
      return emit(id, value.get_bool().value_unsafe() ? "true" : "false");
    case simdjson::dom::element_type::INT64:
    case simdjson::dom::element_type::UINT64:
    case simdjson::dom::element_type::DOUBLE: {
      // Epoch seconds with a fraction.
      if (kind == AttributeKind::time) {
        const double seconds = value.get_double();
        if (std::abs(seconds) < 1e13) return emit(id, std::to_string(std::llround(seconds * 1000)));
      }
      if (value.is_int64()) return emit(id, std::to_string(value.get_int64().value_unsafe()));
      if (value.is_uint64()) return emit(id, std::to_string(value.get_uint64().value_unsafe()));
      return emit(id, number_text(value.get_double().value_unsafe()));
    }
    default:  // null is absence; objects and arrays are the callers' part
      return;
  }
}

// Maps and deeper objects under a path that ends here: their scalars are its values.
void emit_leaves(AttributeId id, const simdjson::dom::element& value, const Emit& emit) {
  if (value.is_object()) {
    const simdjson::dom::object object = value;
    for (const auto& field : object) emit_leaves(id, field.value, emit);
  } else if (value.is_array()) {
    const simdjson::dom::array array = value;
    for (const auto& element : array) emit_leaves(id, element, emit);
  } else {
    emit_scalar(id, value, emit);
  }
}

void walk(const PathTree& tree, std::size_t at, const simdjson::dom::element& value, bool spelled_out,
          const Emit& emit) {
  const PathTree::Node& node = tree.node(at);
  if (value.is_array()) {
    const simdjson::dom::array array = value;
    for (const auto& element : array) walk(tree, at, element, spelled_out, emit);
    return;
  }
  if (!value.is_object()) {
    if (node.attribute) emit_scalar(*node.attribute, value, emit);
    return;
  }
  if (node.children.empty()) {
    if (node.attribute) emit_leaves(*node.attribute, value, emit);
    return;
  }
  const simdjson::dom::object object = value;
  for (const auto& [key, member] : object) {
    if (at == tree.additional_info() && !spelled_out && key == "value" && member.is_string()) {
      thread_local simdjson::dom::parser inner;
      simdjson::dom::element info;
      // What is not JSON is filtered by as the plain text it is.
      if (inner.parse(member.get_string().value_unsafe()).get(info) == simdjson::SUCCESS &&
          info.is_object()) {
        walk(tree, at, info, true, emit);
        continue;
      }
    }
    if (const auto next = tree.child(at, key)) walk(tree, *next, member, spelled_out, emit);
  }
}

}  // namespace

std::span<const Attribute> filterable_attributes() { return table; }

std::optional<AttributeId> find_attribute(std::string_view path) {
  const auto* found = std::ranges::lower_bound(table, path, {}, &Attribute::path);
  if (found == std::end(table) || found->path != path) return std::nullopt;
  return static_cast<AttributeId>(found - std::begin(table));
}

namespace attribute {
AttributeId account() { return index_of("accountId"); }
AttributeId region() { return index_of("region"); }
AttributeId id() { return index_of("id"); }
AttributeId type() { return index_of("type"); }
AttributeId severity() { return index_of("severity"); }
AttributeId created_at() { return index_of("createdAt"); }
AttributeId updated_at() { return index_of("updatedAt"); }
AttributeId archived() { return index_of("service.archived"); }
AttributeId count() { return index_of("service.count"); }
AttributeId first_seen() { return index_of("service.eventFirstSeen"); }
AttributeId last_seen() { return index_of("service.eventLastSeen"); }
AttributeId detector_id() { return index_of("service.detectorId"); }
AttributeId user_feedback() { return index_of("service.userFeedback"); }
}  // namespace attribute

bool is_row_attribute(AttributeId id) {
  return std::ranges::find(row_attributes, id) != std::end(row_attributes);
}

std::string canonical_value(AttributeKind kind, std::string_view text) {
  if (kind == AttributeKind::time) {
    if (const auto time = parse_time(text)) return std::to_string(*time);
  }
  if (kind == AttributeKind::time || kind == AttributeKind::number) {
    const char* const end = text.data() + text.size();
    std::int64_t whole = 0;
    if (const auto read = std::from_chars(text.data(), end, whole); read.ec == std::errc() && read.ptr == end)
      return std::to_string(whole);
    double number = 0;
    if (const auto read = std::from_chars(text.data(), end, number);
        read.ec == std::errc() && read.ptr == end && std::isfinite(number))
      return number_text(number == 0 ? 0 : number);
  }
  return std::string(text);
}

Result<void> flatten_document(std::string_view json, const Emit& emit) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (const auto error = parser.parse(json.data(), json.size()).get(root); error != simdjson::SUCCESS)
    return fail(ErrorKind::invalid,
                std::string("the document is not valid JSON: ") + simdjson::error_message(error));
  if (!root.is_object()) return fail(ErrorKind::invalid, "the document is not a JSON object");
  walk(path_tree(), 0, root, false, emit);
  return {};
}

}  // namespace picket
