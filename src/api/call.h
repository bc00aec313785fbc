// One authenticated and validated API call on its way to a handler.
#pragma once

#include <simdjson.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/backend.h"
#include "api/errors.h"
#include "api/tables.h"
#include "api/validate.h"
#include "aws/credentials.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "store/detector_settings.h"
#include "store/finding_store.h"
#include "store/members.h"

namespace picket::api {

constexpr TimeMs client_token_kept = day_ms;  // longer than any SDK retries

struct Call {
  const Operation& operation;
  const aws::Credential& caller;
  std::string region;  // from the signature's scope
  UriParameters uri;
  QueryParameters query;
  std::optional<simdjson::dom::element> body;  // an object
  std::string_view body_text;
  TimeMs now = 0;
  Backend& backend;
  std::shared_ptr<const Members> members;  // as they were when the call began
  bool answer_kept = false;                // for the same clientToken

  FindingStore& store() const { return *backend.store; }
  // A member of the body; absent when missing or null.
  std::optional<simdjson::dom::element> member(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::optional<bool> flag(std::string_view name) const;
  std::optional<std::int64_t> number(std::string_view name) const;
  // The text of an object or array of the body; "" when missing.
  std::string json(std::string_view name) const;
  std::vector<std::string> strings(std::string_view name) const;

  // Makes the changes durable and hands on the answer. With a clientToken the answer is kept in the same
  // transaction, so that the same call again changes nothing, a crash in between included. (Answers of
  // handlers that store in other ways are kept right after.)
  Answer commit(std::vector<SettingChange> changes, std::string answer);
  // What the same call with the same clientToken was answered; the token with another input is an error.
  std::expected<std::optional<std::string>, ApiError> earlier_answer() const;

  // Findings the caller may see: its own account's and its associated members', or every account's for the
  // administrator of all.
  Scope scope() const;
  std::string detector_id() const;  // of the caller's account in this Region
};

// The same without a call.
Scope scope_of(const aws::Credential& caller, const Members& members, const std::string& region);

// Removes the tokens whose time is over.
Result<void> forget_client_tokens(FindingStore& store, TimeMs now);

// An account's detector in the call's Region; absent when there is none (deleted, or never seen).
std::expected<std::optional<DetectorSettings>, ApiError> detector_of_account(const Call& call,
                                                                             const std::string& account);

// The caller's detector in this Region; absent when there is none (deleted, or never seen).
std::expected<std::optional<DetectorSettings>, ApiError> find_detector(const Call& call);

// The same for calls about {detectorId}: an error unless the id is that of the caller's detector.
std::expected<DetectorSettings, ApiError> require_detector(const Call& call);

std::string one_member(std::string_view name, std::string_view value);  // {NAME: value}

// Reads the members of a JSON object of strings.
std::map<std::string, std::string> string_map(const std::optional<simdjson::dom::element>& object);

// GuardDuty writes times of the kind timestamp as epoch seconds with a fraction: "1700000000.123".
std::string epoch_seconds(TimeMs time);

// A finding's document as the API shows it: service.additionalInfo as {"value": JSON text, "type":
// "default"}.
std::string api_form(std::string_view document);

}  // namespace picket::api
