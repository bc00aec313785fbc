// A request beyond its signature: the first line is "METHOD target", the rest the body. It is routed and
// validated; what no operation matches is validated against each in turn.
#include <simdjson.h>

#include <cstdint>
#include <optional>

#include "api/router.h"
#include "api/validate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket::api;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end), body_text = text.substr(std::min(end + 1, text.size()));
  const std::size_t blank = std::min(line.find(' '), line.size());
  const std::string_view target = line.substr(std::min(blank + 1, line.size()));
  const std::size_t mark = std::min(target.find('?'), target.size());

  static simdjson::dom::parser parser;
  std::optional<simdjson::dom::element> body;
  simdjson::dom::element root;
  if (parser.allocate(std::max<std::size_t>(body_text.size(), 1), 64) == simdjson::SUCCESS &&
      parser.parse(body_text.data(), body_text.size()).get(root) == simdjson::SUCCESS)
    body = root;
  static const Router router;
  const QueryParameters query = parse_query(target.substr(std::min(mark + 1, target.size())));
  if (const auto route = router.find(line.substr(0, blank), target.substr(0, mark))) {
    validate(*route->operation, route->uri, query, body);
    return 0;
  }
  for (const Operation& operation : operations()) validate(operation, {{"detectorId", "d"}}, query, body);
  return 0;
}
