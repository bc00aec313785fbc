#include "api/call.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_writer.h"
#include "finding/detector_id.h"

namespace picket::api {

std::optional<simdjson::dom::element> Call::member(std::string_view name) const {
  simdjson::dom::element found;
  if (!body || (*body)[name].get(found) != simdjson::SUCCESS || found.is_null()) return std::nullopt;
  return found;
}

std::optional<std::string> Call::text(std::string_view name) const {
  std::string_view value;
  const auto found = member(name);
  if (!found || found->get(value) != simdjson::SUCCESS) return std::nullopt;
  return std::string(value);
}

std::optional<bool> Call::flag(std::string_view name) const {
  bool value = false;
  const auto found = member(name);
  if (!found || found->get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<std::int64_t> Call::number(std::string_view name) const {
  std::int64_t value = 0;
  const auto found = member(name);
  if (!found || found->get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::string Call::json(std::string_view name) const {
  const auto found = member(name);
  return found ? simdjson::minify(*found) : std::string();
}

std::vector<std::string> Call::strings(std::string_view name) const {
  std::vector<std::string> out;
  simdjson::dom::array array;
  const auto found = member(name);
  if (!found || found->get(array) != simdjson::SUCCESS) return out;
  for (const auto element : array) {
    std::string_view value;
    if (element.get(value) == simdjson::SUCCESS) out.emplace_back(value);
  }
  return out;
}

Scope Call::scope() const {
  Scope scope{.accounts = std::nullopt, .region = region};
  if (!caller.administers_all) scope.accounts = {caller.account};
  return scope;
}

std::string Call::detector_id() const { return detector_id_of(caller.account, region); }

std::expected<std::optional<DetectorSettings>, ApiError> find_detector(const Call& call) {
  auto stored = load_detector(call.store(), call.caller.account, call.region);
  if (!stored) return store_error(stored.error(), "detectorId");
  if (*stored) {
    if ((*stored)->status == DetectorStatus::deleted) return std::nullopt;
    return std::move(*stored);
  }
  if (!call.backend.auto_detectors) return std::nullopt;
  std::optional<TimeMs> seen = call.backend.first_seen(call.caller.account, call.region);
  // The administrator of all accounts needs a detector wherever one of them has logs.
  if (!seen && call.caller.administers_all) seen = call.backend.first_seen("", call.region);
  if (!seen) return std::nullopt;
  return default_detector(*seen);
}

std::expected<DetectorSettings, ApiError> require_detector(const Call& call) {
  const std::string& id = call.uri.at("detectorId");
  const bool is_id = id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_id) return invalid_parameter("detectorId");
  if (id != call.detector_id()) return detector_not_owned();
  auto found = find_detector(call);
  if (!found) return std::unexpected(found.error());
  if (!*found) return detector_not_owned();
  return std::move(**found);
}

std::map<std::string, std::string> string_map(const std::optional<simdjson::dom::element>& object) {
  std::map<std::string, std::string> out;
  simdjson::dom::object members;
  if (!object || object->get(members) != simdjson::SUCCESS) return out;
  for (const auto& [key, value] : members) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) out[std::string(key)] = text;
  }
  return out;
}

std::string epoch_seconds(TimeMs time) { return fmt::format("{}.{:03}", time / second_ms, time % second_ms); }

std::string api_form(std::string_view document) {
  const simdjson::padded_string padded(document);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document root;
  simdjson::ondemand::object info;
  std::string_view raw;
  if (parser.iterate(padded).get(root) != simdjson::SUCCESS ||
      root["service"]["additionalInfo"].get_object().get(info) != simdjson::SUCCESS ||
      info.raw_json().get(raw) != simdjson::SUCCESS)
    return std::string(document);
  simdjson::dom::parser inner;
  simdjson::dom::element parsed;
  if (inner.parse(raw.data(), raw.size()).get(parsed) != simdjson::SUCCESS || parsed["value"].is_string())
    return std::string(document);
  std::string shown;
  JsonWriter json(shown);
  json.begin_object();
  json.member("value", simdjson::minify(parsed));
  json.member("type", "default");
  json.end_object();
  const auto at = static_cast<std::size_t>(raw.data() - padded.data());
  return std::string(document.substr(0, at)) + shown + std::string(document.substr(at + raw.size()));
}

}  // namespace picket::api
