#include "pipeline/controls.h"

#include <simdjson.h>

#include <algorithm>

#include "base/json_writer.h"
#include "playbook/run.h"
#include "store/detector_settings.h"

namespace picket {

Result<void> Controls::take_effect(const Control& control) const {
  const auto kind = std::find_if(kinds_.begin(), kinds_.end(),
                                 [&](const ControlKind& known) { return known.name == control.kind; });
  if (kind == kinds_.end())
    return fail(ErrorKind::unsupported, "the input log has a control record of an unknown kind",
                control.kind);
  return kind->take_effect(control.body);
}

Result<void> Controls::note_changes(FindingStore& store, Runner& runner) {
  const auto version = store.settings_version();
  if (!version) return std::unexpected(version.error());
  if (noted_version_ == *version) return {};
  for (const ControlKind& kind : kinds_) {
    auto body = kind.wanted();
    if (!body) return std::unexpected(body.error());
    const auto in_effect = runner.controls().find(kind.name);
    if (in_effect != runner.controls().end() && in_effect->second == *body) continue;
    if (auto logged = runner.control({kind.name, std::move(*body)}); !logged) return logged;
  }
  noted_version_ = *version;
  return {};
}

Result<std::string> disabled_detectors(FindingStore& store) {
  const auto places = store.list_settings({}, {}, detector_setting_kind);
  if (!places) return std::unexpected(places.error());
  std::string body;
  JsonWriter json(body);
  json.begin_array();
  for (const Setting& place : *places) {
    const auto detector = load_detector(store, place.account, place.region);
    if (!detector) return std::unexpected(detector.error());
    if (!*detector || (*detector)->status == DetectorStatus::enabled) continue;
    json.begin_array();
    json.value(place.account);
    json.value(place.region);
    json.end_array();
  }
  json.end_array();
  return body;
}

Result<std::string> own_calls_body(FindingStore& store, TimeMs now) {
  // CloudTrail tells of a call within minutes; a week also bears a trail that stood still for a while.
  const auto calls = playbook::own_calls(store, now - 7 * day_ms);
  if (!calls) return std::unexpected(calls.error());
  std::string body;
  JsonWriter json(body);
  json.value(*calls);
  return body;
}

Result<OwnCalls> read_own_calls(std::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::array calls;
  if (parser.parse(body.data(), body.size()).get(calls) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, "the control record own_calls cannot be read");
  OwnCalls known;
  for (const simdjson::dom::element call : calls) {
    std::string_view text;
    if (call.get(text) == simdjson::SUCCESS) known.add(text);
  }
  return known;
}

}  // namespace picket
