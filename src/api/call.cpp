#include "api/call.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/organization.h"
#include "aws/sigv4.h"
#include "base/json_writer.h"
#include "finding/detector_id.h"

namespace picket::api {

namespace {

constexpr std::string_view token_setting = "client_token";

std::string token_id(const Call& call, std::string_view token) {
  return std::string(call.operation.name) + '/' + std::string(token);
}

// Absent when none was sent, or the operation has none.
std::optional<std::string> token_of(const Call& call) {
  if (call.operation.input == no_shape) return std::nullopt;
  if (std::ranges::find(shapes()[call.operation.input].members, "clientToken", &Member::name) ==
      shapes()[call.operation.input].members.end())
    return std::nullopt;
  auto token = call.text("clientToken");
  return token && !token->empty() ? std::move(token) : std::nullopt;
}

// What tells one input from another: the body with its token, and what stands in the path.
std::string input_hash(const Call& call) {
  std::string input;
  for (const auto& [name, value] : call.uri) input += value + '\n';
  return aws::sha256_hex(input.append(call.body_text));
}

}  // namespace

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

Answer Call::commit(std::vector<SettingChange> changes, std::string answer) {
  if (const auto token = token_of(*this)) {
    std::string kept;
    JsonWriter json(kept);
    json.begin_object();
    json.member("at", now);
    json.member("input", input_hash(*this));
    json.member("answer", answer);
    json.end_object();
    changes.push_back(
        {caller.account, region, std::string(token_setting), token_id(*this, *token), std::move(kept)});
    answer_kept = true;
  }
  if (changes.empty()) return answer;
  if (const auto done = store().change_settings(changes); !done) return store_error(done.error(), "body");
  return answer;
}

std::expected<std::optional<std::string>, ApiError> Call::earlier_answer() const {
  const auto token = token_of(*this);
  if (!token) return std::nullopt;
  const auto kept = store().get_setting(caller.account, region, token_setting, token_id(*this, *token));
  if (!kept) return store_error(kept.error(), "clientToken");
  if (!*kept) return std::nullopt;
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view input, answer;
  std::int64_t at = 0;
  if (parser.parse((*kept)->body).get(root) != simdjson::SUCCESS || root["at"].get(at) != simdjson::SUCCESS ||
      root["input"].get(input) != simdjson::SUCCESS || root["answer"].get(answer) != simdjson::SUCCESS)
    return store_error(
        {ErrorKind::internal, "a kept client token cannot be read", token_id(*this, *token), -1},
        "clientToken");
  if (at + client_token_kept < now) return std::nullopt;
  if (input != input_hash(*this))
    return bad_request(
        "The request is rejected because the clientToken was used before with other parameters.");
  return std::string(answer);
}

Result<void> forget_client_tokens(FindingStore& store, TimeMs now) {
  const auto all = store.list_settings(std::nullopt, std::nullopt, token_setting);
  if (!all) return std::unexpected(all.error());
  std::vector<SettingChange> changes;
  simdjson::dom::parser parser;
  for (const Setting& kept : *all) {
    std::int64_t at = 0;
    simdjson::dom::element root;
    const bool readable =
        parser.parse(kept.body).get(root) == simdjson::SUCCESS && root["at"].get(at) == simdjson::SUCCESS;
    if (!readable || at + client_token_kept < now)
      changes.push_back({kept.account, kept.region, kept.kind, kept.id, std::nullopt});
  }
  if (changes.empty()) return {};
  if (const auto done = store.change_settings(changes); !done) return std::unexpected(done.error());
  return {};
}

Scope scope_of(const aws::Credential& caller, const Members& members, const std::string& region) {
  Scope scope{.accounts = std::nullopt, .region = region};
  if (caller.administers_all) return scope;
  scope.accounts = members.associated(caller.account, region);
  scope.accounts->push_back(caller.account);
  return scope;
}

Scope Call::scope() const { return scope_of(caller, *members, region); }

std::string Call::detector_id() const { return detector_id_of(caller.account, region); }

std::expected<std::optional<DetectorSettings>, ApiError> detector_of_account(const Call& call,
                                                                             const std::string& account) {
  auto found = detector_of(call.backend, account, call.region);
  if (!found) return store_error(found.error(), "detectorId");
  return std::move(*found);
}

std::expected<std::optional<DetectorSettings>, ApiError> find_detector(const Call& call) {
  auto found = detector_of_account(call, call.caller.account);
  if (!found) return found;
  if (*found || !call.backend.auto_detectors) return std::move(*found);
  // Who administers others needs a detector wherever one of them has logs, unless it was deleted.
  const auto stored = load_detector(call.store(), call.caller.account, call.region);
  if (!stored) return store_error(stored.error(), "detectorId");
  const auto administrator = organization_administrator(call.backend, call.region);
  if (!administrator) return store_error(administrator.error(), "detectorId");
  const auto seen = call.backend.first_seen("", call.region);
  const bool administers = call.caller.administers_all || *administrator == call.caller.account;
  if (*stored || !seen || !administers) return std::nullopt;
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

std::string one_member(std::string_view name, std::string_view value) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member(name, value);
  json.end_object();
  return out;
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
