#include "store/finding_document.h"

#include <algorithm>
#include <optional>

#include "base/json_writer.h"

namespace picket {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

}  // namespace

Result<std::size_t> service_offset(std::string_view document) {
  std::optional<std::size_t> offset;
  int depth = 0;
  bool in_service = false;
  for (std::size_t at = 0; at < document.size(); ++at) {
    const char c = document[at];
    if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth == 1) in_service = false;
    } else if (c == '"') {
      const std::size_t begin = at + 1;
      for (at = begin; at < document.size() && document[at] != '"'; ++at)
        if (document[at] == '\\') ++at;
      const std::size_t end = std::min(at, document.size());
      if (depth > 2 || (depth == 2 && !in_service)) continue;
      std::size_t after = skip_blanks(document, end + 1);
      if (after >= document.size() || document[after] != ':') continue;  // a value, not a member's name
      const std::string_view name = document.substr(begin, end - begin);
      if (depth == 2) {
        if (name == "archived" || name == "userFeedback")
          return fail(ErrorKind::invalid,
                      "the document holds service." + std::string(name) + ", which is the user's");
      } else if (name == "service") {
        if (offset) return fail(ErrorKind::invalid, "the document has two service members");
        after = skip_blanks(document, after + 1);
        if (after >= document.size() || document[after] != '{')
          return fail(ErrorKind::invalid, "the document's service is not an object");
        offset = after + 1;
        in_service = true;
      }
    }
  }
  if (!offset) return fail(ErrorKind::invalid, "the document has no service object");
  return *offset;
}

std::string with_user_state(std::string_view document, std::size_t service_offset, bool archived,
                            std::string_view feedback) {
  std::string out;
  out.reserve(document.size() + feedback.size() + 48);
  out += document.substr(0, service_offset);
  out += archived ? "\"archived\":true" : "\"archived\":false";
  if (!feedback.empty()) {
    out += ",\"userFeedback\":";
    append_json_string(out, feedback);
  }
  const std::size_t next = skip_blanks(document, service_offset);
  if (next < document.size() && document[next] != '}') out += ',';
  out += document.substr(service_offset);
  return out;
}

}  // namespace picket
