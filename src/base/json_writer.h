// Writes JSON by appending to a string: members in the order of the calls, no tree in between.
//   JsonWriter json(out); json.begin_object(); json.member("count", 3); json.end_object();
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace picket {

// Appends `text` as a quoted JSON string. Invalid UTF-8 becomes U+FFFD, control characters are escaped.
void append_json_string(std::string& out, std::string_view text);

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name) {
    comma();
    append_json_string(out_, name);
    out_ += ':';
    fresh_ = true;
  }
  void value(std::string_view text) {
    comma();
    append_json_string(out_, text);
  }
  void value(const char* text) { value(std::string_view(text)); }
  void value(bool flag) { raw(flag ? "true" : "false"); }
  void value(double number);  // shortest form that reads back the same; not finite becomes null
  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  void value(T number) {
    raw(std::to_string(number));
  }
  void value(const std::vector<std::string>& texts);
  void value(const std::map<std::string, std::string>& texts);  // an object
  void null() { raw("null"); }
  // A value that already is JSON.
  void raw(std::string_view json) {
    comma();
    out_ += json;
  }
  template <class T>
  void member(std::string_view name, const T& v) {
    key(name);
    value(v);
  }
  void member_raw(std::string_view name, std::string_view json) {
    key(name);
    raw(json);
  }

 private:
  void open(char c) {
    comma();
    out_ += c;
    fresh_ = true;
  }
  void close(char c) {
    out_ += c;
    fresh_ = false;
  }
  void comma() {
    if (!fresh_) out_ += ',';
    fresh_ = false;
  }
  std::string& out_;
  bool fresh_ = true;
};

}  // namespace picket
