#include "store/stored.h"

namespace picket {

std::string stored_text(const simdjson::dom::element& object, std::string_view name) {
  return std::string(std::string_view(object[name]));
}

std::map<std::string, std::string> stored_texts(const simdjson::dom::element& object, std::string_view name) {
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : simdjson::dom::object(object[name]))
    texts[std::string(key)] = std::string_view(value);
  return texts;
}

Error unreadable(const Setting& setting, const simdjson::simdjson_error& error) {
  return {ErrorKind::internal, "a stored " + setting.kind + " cannot be read: " + error.what(),
          setting.account + '/' + setting.region + '/' + setting.id, -1};
}

}  // namespace picket
