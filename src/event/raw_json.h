// A JSON value kept as the text it had in the record: parsed only by the few detectors that look inside.
#pragma once

#include <simdjson.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace picket {

// A parsed copy; owns its memory, so elements stay valid as long as it lives.
class JsonDocument {
 public:
  // An unparsable or empty text gives a document whose root() is absent.
  explicit JsonDocument(std::string_view text);
  ~JsonDocument();
  JsonDocument(JsonDocument&&) noexcept = default;
  JsonDocument& operator=(JsonDocument&&) noexcept = default;
  std::optional<simdjson::dom::element> root() const { return root_; }
  // A value by path, "a.b.0.c" (array index as number); absent when any step is.
  std::optional<simdjson::dom::element> at(std::string_view path) const;

 private:
  std::unique_ptr<simdjson::dom::parser> parser_;
  std::optional<simdjson::dom::element> root_;
};

// Calls visit(text) for a string or boolean, or for each string of an array; stops when it returns true and
// returns that.
template <class F>
bool any_text(const simdjson::dom::element& value, F visit) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return visit(text);
  bool flag = false;
  if (value.get(flag) == simdjson::SUCCESS)
    return visit(flag ? std::string_view("true") : std::string_view("false"));
  simdjson::dom::array values;
  if (value.get(values) != simdjson::SUCCESS) return false;
  for (const simdjson::dom::element item : values) {
    if (item.get(text) == simdjson::SUCCESS && visit(text)) return true;
  }
  return false;
}

class RawJson {
 public:
  RawJson() = default;
  explicit RawJson(std::string_view text) : text_(text) {}
  // Absent in the record, or JSON null.
  bool absent() const { return text_.empty() || text_ == "null"; }
  std::string_view text() const { return text_; }
  JsonDocument parse() const { return JsonDocument(text_); }
  // The string (or number or boolean as text) at a path, "bucketName" or "a.b"; absent when there is none.
  std::optional<std::string> find(std::string_view path) const;
  // A cheap test that needs no parse: does the text contain these bytes at all?
  bool mentions(std::string_view bytes) const { return text_.find(bytes) != std::string_view::npos; }

 private:
  std::string_view text_;
};

// A scalar as text; absent for objects, arrays and null.
std::optional<std::string> scalar_text(const simdjson::dom::element& element);

}  // namespace picket
