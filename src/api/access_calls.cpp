#include "api/access_calls.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "api/audit_log.h"
#include "api/call.h"
#include "api/permissions.h"
#include "api/router.h"
#include "base/json_writer.h"

namespace picket::api {

namespace {

constexpr std::size_t body_bytes_max = 16'384, events_max = 200, events_default = 50, text_max = 256;

constexpr PicketOperation operations_here[] = {
    {"GET", "access-keys", "", "ListAccessKeys"},    {"POST", "access-keys", "", "CreateAccessKey"},
    {"POST", "access-keys/", "", "UpdateAccessKey"}, {"DELETE", "access-keys/", "", "DeleteAccessKey"},
    {"GET", "audit-events", "", "ListAuditEvents"},
};

std::unexpected<ApiError> key_error(const Error& error) {
  switch (error.kind) {
    case ErrorKind::conflict:
      return conflict(error.message());
    case ErrorKind::not_found:
      return resource_not_found();
    case ErrorKind::invalid:
      return bad_request(error.message());
    default:
      return store_error(error, "profile");
  }
}

bool sees(const AccessCall& call, const aws::Credential& key) {
  return call.caller.administers_all || key.account == call.caller.account;
}

bool is_own(const AccessCall& call, const aws::Credential& key) {
  return key.access_key_id == (call.caller.temporary() ? call.caller.issuer : call.caller.access_key_id);
}

void write_key(JsonWriter& json, const AccessCall& call, const aws::Credential& key) {
  json.member("profile", key.profile);
  json.member("accessKeyId", key.access_key_id);
  json.member("accountId", key.account);
  json.member("role", aws::name_of(key.role));
  json.member("region", key.region);
  json.member("active", key.active);
  json.member("administersAll", key.administers_all);
  json.member("hasPolicy", key.policy.has_value());
  json.member("own", is_own(call, key));
  json.member("createdAt", format_time(key.created_at));
}

Answer list_keys(const AccessCall& call) {
  const auto keys = aws::load_credentials(call.files);
  if (!keys) return store_error(keys.error(), "profile");
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("accessKeys");
  json.begin_array();
  for (const aws::Credential& key : *keys) {
    if (!sees(call, key)) continue;
    json.begin_object();
    write_key(json, call, key);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return out;
}

std::expected<simdjson::dom::object, ApiError> body_of(const AccessCall& call,
                                                       simdjson::dom::parser& parser) {
  simdjson::dom::object body;
  if (call.request.body.size() > body_bytes_max ||
      parser.parse(call.request.body.data(), call.request.body.size()).get(body) != simdjson::SUCCESS)
    return bad_request("The body is not a small JSON object.");
  return body;
}

Answer create_key(AccessCall& call) {
  simdjson::dom::parser parser;
  const auto body = body_of(call, parser);
  if (!body) return std::unexpected(body.error());
  aws::NewCredential wanted{
      .account = call.caller.account, .region = call.caller.region, .for_clients = false};
  std::string role;
  for (const auto& [name, into] : {std::pair{"profile", &wanted.profile},
                                   {"accountId", &wanted.account},
                                   {"region", &wanted.region},
                                   {"role", &role}}) {
    std::string_view text;
    const auto member = (*body)[name];
    if (member.error() == simdjson::NO_SUCH_FIELD) continue;
    if (member.get(text) != simdjson::SUCCESS || text.size() > text_max) return invalid_parameter(name);
    *into = text;
  }
  JsonWriter audited(call.audited);
  audited.begin_object();
  for (const auto& [name, text] : {std::pair{"profile", &wanted.profile},
                                   {"accountId", &wanted.account},
                                   {"region", &wanted.region},
                                   {"role", &role}})
    audited.member(name, *text);
  audited.end_object();
  const auto known_role = aws::parse_role(role);
  if (!known_role) return invalid_parameter("role");
  wanted.role = *known_role;
  if (!call.caller.administers_all && wanted.account != call.caller.account)
    return access_denied(
        fmt::format("Keys of account {} are made by who administers every account.", wanted.account));
  if (!no_wider(wanted.role, call.caller))
    return access_denied(fmt::format("A key with the role {} may do what the caller may not.", role));
  const auto made = aws::create_credential(call.files, wanted);
  if (!made) return key_error(made.error());
  JsonWriter told(call.audited_answer);
  told.begin_object();
  write_key(told, call, *made);
  told.end_object();
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_key(json, call, *made);
  json.member("secretAccessKey", made->secret_access_key);
  json.end_object();
  return out;
}

Answer change_key(AccessCall& call) {
  JsonWriter audited(call.audited);
  audited.begin_object();
  audited.member("profile", call.subject);
  std::optional<bool> active;
  if (call.operation == "UpdateAccessKey") {
    simdjson::dom::parser parser;
    const auto body = body_of(call, parser);
    bool wanted = false;
    if (body && (*body)["active"].get(wanted) == simdjson::SUCCESS) {
      active = wanted;
      audited.member("active", wanted);
    }
    audited.end_object();
    if (!body) return std::unexpected(body.error());
    if (!active) return invalid_parameter("active");
  } else {
    audited.end_object();
  }
  const auto keys = aws::load_credentials(call.files);
  if (!keys) return store_error(keys.error(), "profile");
  const auto key = std::ranges::find(*keys, call.subject, &aws::Credential::profile);
  // Not there and not yours are the same.
  if (key == keys->end() || !sees(call, *key)) return resource_not_found();
  if (is_own(call, *key)) return bad_request("Nobody takes away the key that he acts through.");
  if (!no_wider(key->role, call.caller) || (key->administers_all && !call.caller.administers_all))
    return access_denied("The key may do what the caller may not.");
  const auto done = active ? aws::set_credential_active(call.files, call.subject, *active)
                           : aws::delete_credential(call.files, call.subject);
  if (!done) return key_error(done.error());
  return "{}";
}

// "1700000000000.EVENTID"
std::string token_of(const AuditMark& mark) { return fmt::format("{}.{}", mark.time, mark.event_id); }

std::optional<AuditMark> mark_of(std::string_view token) {
  AuditMark mark;
  const char* const end = token.data() + token.size();
  const auto [behind, error] = std::from_chars(token.data(), end, mark.time);
  if (error != std::errc{} || behind == end || *behind != '.' || token.size() > text_max) return std::nullopt;
  mark.event_id.assign(behind + 1, end);
  return mark;
}

Answer list_events(const AccessCall& call) {
  if (call.backend.audit == nullptr)
    return unsupported("The server keeps no audit log: api.audit_log is false in its configuration.");
  AuditQuery query{.records_max = events_default};
  if (!call.caller.administers_all) query.account = call.caller.account;
  for (const auto& [name, value] : parse_query(call.request.query)) {
    const auto flag = [&](bool& into) {
      into = value == "true";
      return into || value == "false" || value.empty();
    };
    const auto time = [&](std::optional<TimeMs>& into) {
      if (value.empty()) return true;
      into = parse_time(value);
      return into.has_value();
    };
    bool right = value.size() <= text_max;
    if (name == "caller") {
      query.caller = value;
    } else if (name == "operation") {
      query.operation = value;
    } else if (name == "errors") {
      right = flag(query.errors_only);
    } else if (name == "changes") {
      right = flag(query.changes_only);
    } else if (name == "from") {
      right = time(query.from);
    } else if (name == "to") {
      right = time(query.to);
    } else if (name == "nextToken") {
      if (!value.empty()) query.before = mark_of(value);
      right = value.empty() || query.before.has_value();
    } else if (name == "maxResults") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), query.records_max);
      right = error == std::errc{} && end == value.data() + value.size() && query.records_max >= 1 &&
              query.records_max <= events_max;
    } else {
      right = false;
    }
    if (!right) return invalid_parameter(name);
  }
  const auto page = call.backend.audit->find(query);
  if (!page) return store_error(page.error(), "nextToken");
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("events");
  json.begin_array();
  for (const std::string& record : page->records) json.raw(record);
  json.end_array();
  if (page->next) {
    json.member("nextToken", token_of(*page->next));
    json.member("searchedTo", format_time(page->next->time));
  }
  json.end_object();
  return out;
}

}  // namespace

bool is_access_path(std::string_view path) {
  if (!path.starts_with(picket_root)) return false;
  path.remove_prefix(picket_root.size());
  return path.starts_with("access-keys") || path.starts_with("audit-events");
}

void find_access_operation(const aws::HttpRequest& request, AccessCall& call) {
  auto found = find_picket_operation(operations_here, request);
  if (!found) return;
  call.operation = found->name;
  call.subject = std::move(found->subject);
}

std::vector<std::string_view> access_operations() {
  std::vector<std::string_view> names;
  for (const PicketOperation& one : operations_here) names.push_back(one.name);
  return names;
}

Answer answer_access(AccessCall& call) {
  if (call.operation == "ListAccessKeys") return list_keys(call);
  if (call.operation == "CreateAccessKey") return create_key(call);
  if (call.operation == "ListAuditEvents") return list_events(call);
  return change_key(call);
}

}  // namespace picket::api
