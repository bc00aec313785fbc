// STS: GetCallerIdentity, AssumeRole, GetSessionToken.
//
// The roles of an account are picket's own, arn:aws:iam::ACCOUNT:role/ROLE with the names of
// `picket credentials create --role`; OrganizationAccountAccessRole is the administrator's, as AWS names it.
// A key may assume a role of its own account that allows no more than it may itself. An administrator of the
// management account may assume every role of the organisation's accounts.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "api/neighbours.h"
#include "api/organization.h"
#include "api/permissions.h"
#include "base/json_writer.h"

namespace picket::api {

namespace {

constexpr TimeMs role_default = hour_ms, role_max = 12 * hour_ms, chained_max = hour_ms;
constexpr TimeMs session_default = 12 * hour_ms, session_max = 36 * hour_ms;
constexpr TimeMs shortest = 15 * minute_ms;

std::unexpected<ApiError> refuse(unsigned status, std::string_view code, std::string message) {
  return std::unexpected(
      ApiError{.status = status, .type = code, .code = code, .message = std::move(message)});
}

std::unexpected<ApiError> invalid(std::string message) {
  return refuse(400, "ValidationError", std::move(message));
}

struct RoleArn {
  std::string account;
  aws::Role role;
};

// Absent: no ARN of a role that picket knows.
std::optional<RoleArn> parse_role_arn(std::string_view arn) {
  const std::size_t iam = arn.find(":iam::"), mark = arn.find(":role/");
  if (!arn.starts_with("arn:aws") || iam == std::string_view::npos || mark != iam + 6 + 12)
    return std::nullopt;
  const std::string_view account = arn.substr(iam + 6, 12);
  std::string_view name = arn.substr(mark + 6);
  if (const std::size_t path = name.rfind('/'); path != std::string_view::npos) name.remove_prefix(path + 1);
  if (account.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  const auto role =
      name == "OrganizationAccountAccessRole" ? aws::Role::administrator : aws::parse_role(name);
  if (!role) return std::nullopt;
  return RoleArn{std::string(account), *role};
}

bool may_assume(const aws::Credential& caller, const RoleArn& wanted, const Backend& backend) {
  if (!no_wider(wanted.role, caller)) return false;
  if (wanted.account == caller.account) return true;
  const bool manages =
      caller.account == backend.organization.management_account && caller.role == aws::Role::administrator;
  return (manages || caller.administers_all) && in_organization(backend, wanted.account);
}

std::expected<TimeMs, ApiError> duration(const NeighbourCall& call, TimeMs otherwise, TimeMs longest) {
  const std::string_view text = call.parameter("DurationSeconds");
  if (text.empty()) return std::min(otherwise, longest);
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || seconds < shortest / second_ms ||
      seconds > longest / second_ms)
    return invalid(
        fmt::format("DurationSeconds must be from {} to {}", shortest / second_ms, longest / second_ms));
  return seconds * second_ms;
}

std::string credentials_xml(const aws::Credential& made) {
  return fmt::format(
      "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>"
      "<SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
      made.access_key_id, xml_escaped(made.secret_access_key), made.session_token,
      format_time_seconds(*made.expires_at));
}

// Never the secret nor the token.
std::string credentials_told(const aws::Credential& made) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("credentials");
  json.begin_object();
  json.member("accessKeyId", made.access_key_id);
  json.member("expiration", format_time_seconds(*made.expires_at));
  json.end_object();
  json.end_object();
  return out;
}

std::unexpected<ApiError> not_issued(const Error& error) {
  if (error.kind == ErrorKind::not_found)
    return refuse(403, "InvalidClientTokenId", "The security token included in the request is invalid.");
  return store_error(error, "credentials");
}

NeighbourResult get_caller_identity(const NeighbourCall& call, const aws::Credential& caller) {
  return NeighbourAnswer{fmt::format("<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
                                     xml_escaped(principal_arn(caller, call.region)),
                                     xml_escaped(principal_id(caller)), caller.account),
                         ""};
}

NeighbourResult assume_role(const NeighbourCall& call, const aws::Credential& caller, Backend& backend,
                            aws::KeyStore& keys) {
  const std::string_view arn = call.parameter("RoleArn"), name = call.parameter("RoleSessionName");
  constexpr std::string_view allowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-";
  if (name.size() < 2 || name.size() > 64 || name.find_first_not_of(allowed) != std::string_view::npos)
    return invalid("RoleSessionName must be 2 to 64 letters, digits and _+=,.@-");
  if (arn.size() < 20 || arn.size() > 2'048)
    return invalid("RoleArn must be an ARN of 20 to 2048 characters");
  const auto length =
      duration(call, role_default, caller.temporary() ? chained_max : role_max);  // chains get one hour
  if (!length) return std::unexpected(length.error());
  aws::NewSession wanted{.expires_at = call.now + *length, .name = std::string(name)};
  if (const std::string_view text = call.parameter("Policy"); !text.empty()) {
    auto policy = aws::parse_policy(text);
    if (!policy) return refuse(400, "MalformedPolicyDocument", policy.error().message());
    wanted.policy = std::move(*policy);
  }
  // What does not exist and what may not be assumed look the same.
  const auto role = parse_role_arn(arn);
  if (!role || !may_assume(caller, *role, backend))
    return refuse(
        403, "AccessDenied",
        fmt::format("User: {} is not authorized to perform: sts:AssumeRole on resource: {}. Roles here "
                    "are administrator, delegated-administrator, member, read-only, responder and "
                    "OrganizationAccountAccessRole.",
                    principal_arn(caller, call.region), arn));
  wanted.account = role->account;
  wanted.role = role->role;
  const auto made = keys.issue(caller, wanted);
  if (!made) return not_issued(made.error());
  return NeighbourAnswer{
      fmt::format("{}<AssumedRoleUser><AssumedRoleId>{}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser>",
                  credentials_xml(*made), xml_escaped(principal_id(*made)),
                  xml_escaped(principal_arn(*made, call.region))),
      credentials_told(*made)};
}

NeighbourResult get_session_token(const NeighbourCall& call, const aws::Credential& caller,
                                  aws::KeyStore& keys) {
  if (caller.temporary())
    return refuse(403, "AccessDenied", "Cannot call GetSessionToken with session credentials");
  const auto length = duration(call, session_default, session_max);
  if (!length) return std::unexpected(length.error());
  const auto made = keys.issue(
      caller, {.expires_at = call.now + *length, .name = "", .account = caller.account, .role = caller.role});
  if (!made) return not_issued(made.error());
  return NeighbourAnswer{credentials_xml(*made), credentials_told(*made)};
}

}  // namespace

NeighbourResult answer_sts(const NeighbourCall& call, const aws::Credential& caller, Backend& backend,
                           aws::KeyStore& keys) {
  if (call.action == "GetCallerIdentity") return get_caller_identity(call, caller);
  if (call.action == "AssumeRole") return assume_role(call, caller, backend, keys);
  if (call.action == "GetSessionToken") return get_session_token(call, caller, keys);
  return action_not_served(call);
}

}  // namespace picket::api
