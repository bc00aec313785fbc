// What the files of this folder keep among the settings: one JSON object a row.
#pragma once

#include <simdjson.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "store/finding_store.h"

namespace picket {

std::string stored_text(const simdjson::dom::element& object, std::string_view name);
std::map<std::string, std::string> stored_texts(const simdjson::dom::element& object, std::string_view name);
Error unreadable(const Setting& setting, const simdjson::simdjson_error& error);

// `read` makes the row's value of the setting and its JSON, and throws simdjson_error where that is not what
// was written: an error, never a default.
template <class Read>
using Stored = std::invoke_result_t<const Read&, const Setting&, const simdjson::dom::element&>;

template <class Read>
Result<Stored<Read>> read_stored(const Setting& setting, const Read& read) {
  try {
    simdjson::dom::parser parser;
    return read(setting, parser.parse(setting.body));
  } catch (const simdjson::simdjson_error& error) {
    return std::unexpected(unreadable(setting, error));
  }
}

template <class Read>
Result<std::optional<Stored<Read>>> load_stored(FindingStore& store, std::string_view account,
                                                std::string_view region, std::string_view kind,
                                                std::string_view id, const Read& read) {
  const auto setting = store.get_setting(account, region, kind, id);
  if (!setting) return std::unexpected(setting.error());
  if (!*setting) return std::nullopt;
  return read_stored(**setting, read);
}

template <class Read>
Result<std::vector<Stored<Read>>> load_all_stored(FindingStore& store,
                                                  std::optional<std::string_view> account,
                                                  std::optional<std::string_view> region,
                                                  std::string_view kind, const Read& read) {
  const auto settings = store.list_settings(account, region, kind);
  if (!settings) return std::unexpected(settings.error());
  std::vector<Stored<Read>> all;
  for (const Setting& setting : *settings) {
    auto one = read_stored(setting, read);
    if (!one) return std::unexpected(one.error());
    all.push_back(std::move(*one));
  }
  return all;
}

}  // namespace picket
