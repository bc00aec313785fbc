#include "event/principal.h"

#include <algorithm>
#include <array>

#include "base/hash.h"

namespace picket {

namespace {

bool all_of(std::string_view text, bool (*test)(char)) {
  return !text.empty() && std::ranges::all_of(text, test);
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    if (dash ? c != '-' : !is_hex(c) && !(c >= 'A' && c <= 'F')) return false;
  }
  return true;
}

// Session names that SDKs and pipelines make up anew for each session: they say nothing of who it is.
bool is_random_session(std::string_view session) {
  static constexpr std::array<std::string_view, 9> prefixes{
      "botocore-session-", "aws-sdk-",       "aws-go-sdk-",    "aws-cli-session-",       "java-sdk-",
      "GitHubActions",     "github-actions", "AWSCLI-Session", "token-file-web-identity"};
  if (std::ranges::any_of(prefixes, [&](std::string_view prefix) { return session.starts_with(prefix); }))
    return true;
  return is_uuid(session) || (session.size() >= 10 && all_of(session, is_digit));
}

std::string_view after_last(std::string_view text, char separator) {
  const std::size_t at = text.rfind(separator);
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

// "arn:aws:sts::123456789012:assumed-role/ROLE/SESSION" -> "arn:aws:iam::123456789012:role/ROLE", the form
// the issuer has but for its path, which a session's arn leaves out.
std::string role_arn(std::string_view session_arn) {
  constexpr std::string_view marker = ":assumed-role/";
  const std::size_t at = session_arn.find(marker);
  const std::size_t sts = session_arn.find(":sts:");
  if (at == std::string_view::npos || sts == std::string_view::npos) return {};
  const std::string_view role = session_arn.substr(at + marker.size());
  std::string arn(session_arn.substr(0, sts));
  arn += ":iam:";
  arn += session_arn.substr(sts + 5, at - sts - 5);
  arn += ":role/";
  arn += role.substr(0, role.find('/'));
  return arn;
}

std::string joined(std::string_view a, std::string_view separator, std::string_view b) {
  std::string out(a);
  out += separator;
  out += b;
  return out;
}

std::string first_of(std::initializer_list<std::string_view> candidates) {
  for (const std::string_view candidate : candidates) {
    if (!candidate.empty()) return std::string(candidate);
  }
  return {};
}

Principal service(std::string_view name, std::string_view fallback) {
  Principal principal{.key = first_of({name, fallback, "AWS"}), .aws_service = true};
  principal.name = principal.key;
  return principal;
}

Principal assumed_role(const UserIdentity& identity) {
  Principal principal;
  const SessionIssuer& issuer = identity.session_issuer;
  const std::string_view session = session_name(identity);
  principal.key = issuer.arn.empty() ? role_arn(identity.arn) : std::string(issuer.arn);
  const std::string_view role = issuer.user_name.empty() ? after_last(principal.key, '/') : issuer.user_name;
  principal.name = role;
  principal.aws_service = role.starts_with("AWSServiceRoleFor");
  // One role stands for many people: SSO permission sets, and roles that a SAML provider hands out, whose
  // session name is the person's address.
  const bool personal =
      role.starts_with("AWSReservedSSO_") || !identity.on_behalf_of_user_id.empty() || session.contains('@');
  if (session.empty() || is_random_session(session)) return principal;
  principal.workload = session;
  if (personal) {
    principal.key += '/';
    principal.key += session;
    principal.name = session;
  }
  return principal;
}

}  // namespace

std::string_view session_name(const UserIdentity& identity) {
  constexpr std::string_view marker = ":assumed-role/";
  if (const std::size_t at = identity.arn.find(marker); at != std::string_view::npos) {
    const std::size_t slash = identity.arn.find('/', at + marker.size());
    if (slash != std::string_view::npos) return identity.arn.substr(slash + 1);
  }
  const std::size_t colon = identity.principal_id.find(':');
  if (colon == std::string_view::npos || !(identity.type == "AssumedRole" || identity.type == "AWSAccount"))
    return {};
  return identity.principal_id.substr(colon + 1);
}

std::string_view instance_session(const UserIdentity& identity) {
  const std::string_view session = session_name(identity);
  if (!session.starts_with("i-") || (session.size() != 10 && session.size() != 19)) return {};
  return all_of(session.substr(2), is_hex) ? session : std::string_view{};
}

Principal principal_of(const CloudTrailEvent& event) {
  const UserIdentity& identity = event.user_identity;
  const std::string_view type = identity.type;
  Principal principal;
  if (type == "Root") {
    principal.key = first_of({identity.arn});
    if (principal.key.empty() && !identity.account_id.empty())
      principal.key = joined("arn:aws:iam::", identity.account_id, ":root");
    principal.name = "root";
  } else if (type == "IAMUser" || type == "Role") {
    principal.key = identity.arn;
    principal.name = first_of({identity.user_name, after_last(identity.arn, '/'), identity.principal_id});
    // A refused console login of a user that does not exist has no arn.
    if (principal.key.empty() && !identity.user_name.empty()) {
      principal.key = joined(joined("arn:aws:iam::", identity.account_id, ":user/"), "", identity.user_name);
    }
  } else if (type == "AssumedRole") {
    principal = assumed_role(identity);
  } else if (type == "FederatedUser") {
    principal.key = first_of({identity.session_issuer.arn, identity.arn});
    principal.name = first_of({identity.session_issuer.user_name, after_last(principal.key, '/')});
    if (identity.arn.contains(":federated-user/")) principal.workload = after_last(identity.arn, '/');
  } else if (type == "AWSAccount") {
    if (identity.account_id == "anonymous" || identity.principal_id == "ANONYMOUS_PRINCIPAL" ||
        identity.account_id == "ANONYMOUS_PRINCIPAL") {
      return {
          .key = "anonymous", .workload = {}, .name = "anonymous", .aws_service = false, .anonymous = true};
    }
    const std::string_view id = identity.principal_id.substr(0, identity.principal_id.find(':'));
    if (!identity.account_id.empty() || !id.empty()) principal.key = joined(identity.account_id, ":", id);
    principal.name = first_of({id, identity.account_id});
    if (const std::string_view session = session_name(identity); !is_random_session(session))
      principal.workload = session;
  } else if (type == "AWSService") {
    return service(identity.invoked_by, event.source_ip ? event.event_source : event.source_ip_address);
  } else if (type == "IdentityCenterUser") {
    const std::string user =
        first_of({identity.on_behalf_of_user_id, identity.principal_id, identity.credential_id});
    if (!user.empty()) principal.key = joined("identitycenter", ":", user);
    principal.name = first_of({identity.user_name, user});
  } else if (type == "SAMLUser" || type == "WebIdentityUser") {
    const std::string user = first_of({identity.user_name, identity.principal_id});
    const std::string provider = first_of({identity.identity_provider, identity.federated_provider, type});
    if (!user.empty()) principal.key = joined(provider, "/", user);
    principal.name = user;
  } else if (type == "Directory") {
    const std::string user = first_of({identity.user_name, identity.principal_id, identity.arn});
    if (!user.empty()) principal.key = joined(joined("directory:", identity.account_id, "/"), "", user);
    principal.name = user;
  } else if (type.empty() && (event.event_type == "AwsServiceEvent" || !identity.invoked_by.empty())) {
    return service(identity.invoked_by, event.event_source);
  }
  if (principal.key.empty()) {
    // "Unknown", a type of the future, or a type without the members that name it.
    const std::string who =
        first_of({identity.arn, identity.principal_id, identity.user_name, identity.access_key_id,
                  identity.account_id, event.recipient_account_id, "unknown"});
    principal.key = joined(type.empty() ? "Unknown" : type, ":", who);
    if (principal.name.empty()) principal.name = who;
  }
  return principal;
}

std::uint64_t identity_hash(const UserIdentity& identity) {
  const std::uint64_t hash = hash64(identity.on_behalf_of_user_id, hash64(identity.arn));
  // Most are told by their ARN.
  if (!identity.arn.empty() && (identity.type == "AssumedRole" || identity.type == "IAMUser")) return hash;
  std::uint64_t whole = hash;
  for (const std::string_view part :
       {identity.type, identity.principal_id, identity.account_id, identity.user_name, identity.invoked_by,
        identity.identity_provider, identity.federated_provider, identity.credential_id,
        identity.session_issuer.arn, identity.session_issuer.user_name})
    whole = hash64(part, hash_mix(whole, part.size()));
  return whole;
}

Outcome outcome(const CloudTrailEvent& event) {
  if (event.event_source == "signin.amazonaws.com" || event.event_name == "ConsoleLogin") {
    // The result is a member with the event's own name: ConsoleLogin, SwitchRole, CheckMfa.
    const auto result = event.response_elements.find(event.event_name);
    if (result == "Failure") return Outcome::denied;
    if (result == "Success") return Outcome::success;
    if (event.error_code.empty()) return event.error_message.empty() ? Outcome::success : Outcome::denied;
  }
  std::string_view code = event.error_code;
  if (code.empty()) return Outcome::success;
  for (const std::string_view side : {"Client.", "Server."}) {
    if (code.starts_with(side)) code.remove_prefix(side.size());
  }
  // Authentication and authorisation as the services' error references name them.
  static constexpr std::array<std::string_view, 19> refusals{"DryRunOperation",
                                                             "AuthFailure",
                                                             "InvalidClientTokenId",
                                                             "SignatureDoesNotMatch",
                                                             "UnrecognizedClientException",
                                                             "ExpiredToken",
                                                             "ExpiredTokenException",
                                                             "RequestExpired",
                                                             "InvalidAccessKeyId",
                                                             "MissingAuthenticationToken",
                                                             "MissingAuthenticationTokenException",
                                                             "IncompleteSignature",
                                                             "InvalidSignatureException",
                                                             "AuthorizationError",
                                                             "AuthorizationErrorException",
                                                             "Forbidden",
                                                             "ForbiddenException",
                                                             "InvalidToken",
                                                             "CloudTrailInvalidClientTokenIdException"};
  if (code.contains("AccessDenied") || code.contains("Unauthorized") || code.contains("NotAuthorized"))
    return Outcome::denied;
  return std::ranges::find(refusals, code) != refusals.end() ? Outcome::denied : Outcome::failed;
}

std::string_view event_account(const CloudTrailEvent& event) {
  return event.recipient_account_id.empty() ? event.user_identity.account_id : event.recipient_account_id;
}

std::string_view api_name(std::string_view event_name) {
  std::string_view name = event_name;
  const auto trailing_digits = [](std::string_view text) {
    std::size_t count = 0;
    while (count < text.size() && is_digit(text[text.size() - 1 - count])) ++count;
    return count;
  };
  if (const std::size_t version = trailing_digits(name);
      version > 0 && version < 3 && version < name.size() && name[name.size() - 1 - version] == 'v') {
    name.remove_suffix(version + 1);
  }
  // 20150331
  if (trailing_digits(name) == 8 && (name[name.size() - 8] == '2' || name[name.size() - 8] == '1'))
    return name.substr(0, name.size() - 8);
  // 2020_05_31
  if (name.size() > 10) {
    const std::string_view date = name.substr(name.size() - 10);
    if (date[4] == '_' && date[7] == '_' && all_of(date.substr(0, 4), is_digit) &&
        all_of(date.substr(5, 2), is_digit) && all_of(date.substr(8), is_digit)) {
      return name.substr(0, name.size() - 10);
    }
  }
  return event_name;
}

bool through_service(const UserIdentity& identity) {
  return !identity.invoked_by.empty() && identity.invoked_by != "signin.amazonaws.com";
}

bool has_outside_address(const CloudTrailEvent& event) {
  return event.source_ip && event.source_ip->is_public() && !through_service(event.user_identity) &&
         event.vpc_endpoint_id.empty() && event.vpc_endpoint_account_id.empty() &&
         !event.session_credential_from_console;
}

}  // namespace picket
