#include <algorithm>
#include <cstring>
#include <functional>

#include "detectors/shared/stolen_sessions.h"

namespace picket::detectors {

namespace {

bool hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// CloudTrail names what temporary credentials were issued to, since 2025, as the last member of userIdentity.
// This runs on most calls of roles, so it looks only at what follows the session's creation date, the member
// before.
std::optional<std::string> issued_to(const CloudTrailEvent& call) {
  constexpr std::size_t reach = 400;
  const std::string_view record = call.raw.text(), before = call.user_identity.session_creation_date;
  const std::less<> less;
  if (before.empty() || less(before.data(), record.data()) ||
      !less(before.data(), record.data() + record.size()))
    return std::nullopt;
  const auto at = static_cast<std::size_t>(before.data() - record.data());
  constexpr std::string_view member = "inScopeOf";
  const std::string_view next = record.substr(at, reach);
  if (memmem(next.data(), next.size(), member.data(), member.size()) == nullptr) return std::nullopt;
  const auto type = call.raw.find("userIdentity.inScopeOf.issuerType");
  if (!type || !(type->starts_with("AWS::Lambda") || type->starts_with("AWS::ECS"))) return std::nullopt;
  return call.raw.find("userIdentity.inScopeOf.credentialsIssuedTo");
}

// Older records tell by the session's name: a task's id is 32 hexadecimal digits, a pod's identity is named
// after its cluster and pod.
std::optional<std::string> resource_of(const CloudTrailEvent& call) {
  const UserIdentity& identity = call.user_identity;
  if (identity.type != "AssumedRole" || !identity.ec2_role_delivery.empty()) return std::nullopt;
  const std::string_view session = session_name(identity);
  // So are the serial numbers of certificates, which name sessions of Roles Anywhere; those tell the
  // certificate's subject as their source, which ECS never sets.
  if (session.size() == 32 && identity.source_identity.empty() &&
      std::all_of(session.begin(), session.end(), hex))
    return "ECS task " + std::string(session);
  constexpr std::size_t uuid = 36;
  if (session.starts_with("eks-") && session.size() > uuid + 4 && session[session.size() - uuid - 1] == '-' &&
      session[session.size() - 13] == '-') {
    return "pod " + std::string(session.substr(4, session.size() - uuid - 5));
  }
  const bool somewhere = has_outside_address(call) || !call.vpc_endpoint_account_id.empty() ||
                         (!call.vpc_endpoint_id.empty() && call.source_ip);
  return somewhere ? issued_to(call) : std::nullopt;
}

std::optional<Evidence> select(const CloudTrailEvent& call, const Context&) {
  const auto resource = resource_of(call);
  return resource ? session_row_of(call, resource_name, *resource) : std::nullopt;
}

struct ResourceSessions : StolenSessions {
  ResourceSessions() : StolenSessions(resource_name) {}
};

}  // namespace

extern const Detector resource_credential_exfiltration = {
    .types =
        {{.name = "UnauthorizedAccess:IAMUser/ResourceCredentialExfiltration.InsideAWS",
          .severity = Severity::high,
          .mitre = {"TA0006", "T1528"},  // Credential Access: Steal Application Access Token
          .title = "Credentials of {resource} were used from elsewhere in AWS.",
          .description =
              "Credentials that only {resource} should hold were used to call {api} from {remote_ip}, inside "
              "AWS but in another account: {why}."},
         {.name = "UnauthorizedAccess:IAMUser/ResourceCredentialExfiltration.OutsideAWS",
          .severity = Severity::high,
          .mitre = {"TA0006", "T1528"},
          .title = "Credentials of {resource} were used from outside AWS.",
          .description = "Credentials that only {resource} should hold were used to call {api} from "
                         "{remote_ip}, which is "
                         "outside AWS: {why}."},
         {.name = "UnauthorizedAccess:IAMUser/ResourceCredentialExfiltration.InsideAccount",
          .severity = Severity::medium,
          .mitre = {"TA0006", "T1528"},
          .origin = Origin::picket,
          .title = "Credentials of {resource} were used on instance {used_on}.",
          .description =
              "Credentials that only {resource} should hold were used to call {api} from {used_from}, the "
              "address of instance {used_on} of the same account: {why}."}},
    .summary =
        "A session of a Lambda function, an ECS task or an EKS pod was used from where the workload is not.",
    .when = {any_call()},
    .issue = {key::principal, key::evidence("resource")},
    .entity = key::evidence(session_row::account),
    .logic = ordered<ResourceSessions>(select),
    .blind_spots =
        "Use from AWS's own addresses whose owner is not known, but of a container whose place is known and "
        "that is there too, and by clients that do not say that they run in a function or task (20 calls "
        "that did come first; a thief may copy the user agent); containers' credentials on instances of the "
        "same account, which may run them; "
        "functions whose records do not name them (userIdentity.inScopeOf); without AWS's loaded ranges all "
        "but addresses of known accounts, foreign endpoints and clients on macOS.",
};

}  // namespace picket::detectors
