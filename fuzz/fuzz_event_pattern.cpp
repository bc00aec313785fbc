// Event patterns, paths and templates: first line a pattern, second a template, the rest an event.
#include <cstdint>
#include <string>

#include "respond/event_pattern.h"
#include "respond/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto line = [&] {
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), text.size() + 1));
    return text;
  };
  const auto pattern = respond::EventPattern::parse(line());
  const std::string text(line());
  const std::string event(rest);
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (pattern && parser.parse(event).get(root) == simdjson::SUCCESS) (void)pattern->matches(root);
  const auto path = respond::Input::make({.input_path = text});
  if (path) (void)path->apply(event, "rule", 0);
  const auto filled =
      respond::Input::make({.input_template = text, .input_paths = {{"a", "$.a[0]"}, {"b", "$.b[*].c"}}});
  if (filled) (void)filled->apply(event, "rule", 0);
  return 0;
}
