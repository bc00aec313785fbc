#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Whom the call gives rights to is the caller: its user, or the role of the instance that calls. Pipelines
// that keep an account as code describes it keep their own role, too.
bool about_itself(const CloudTrailEvent& call) {
  const UserIdentity& identity = call.user_identity;
  const bool role = identity.type == "AssumedRole";
  if (role ? instance_session(identity).empty() : identity.type != "IAMUser") return false;
  const std::string_view name = role ? identity.session_issuer.user_name : identity.user_name;
  return !name.empty() && call.request_parameters.find(role ? "roleName" : "userName") == name;
}

// A policy that only forbids: AWS puts them on keys that it finds in public, in the name of their owner.
bool only_forbids(const CloudTrailEvent& call) {
  if (const auto document = call.request_parameters.find("policyDocument"))
    return !document->contains("Allow") && document->contains("Deny");
  const std::string arn = call.request_parameters.find("policyArn").value_or("");
  return arn.contains(":aws:policy/AWSCompromisedKeyQuarantine") || arn.ends_with(":aws:policy/AWSDenyAll");
}

std::optional<Evidence> grants_itself(const CloudTrailEvent& call, const Context&) {
  if (through_service(call.user_identity) || !about_itself(call) || only_forbids(call)) return std::nullopt;
  Evidence evidence{{"api", std::string(call.event_name)}};
  for (const std::string_view member : {"policyName", "policyArn", "groupName"})
    evidence.add(member, call.request_parameters.find(member));
  return by_outcome(call, std::move(evidence));
}

}  // namespace

extern const Detector self_granted_permissions = {
    .types = {{.name = "PrivilegeEscalation:IAMUser/SelfGrantedPermissions",
               .severity = Severity::medium,
               .mitre = {"TA0004", "T1098.003"},  // Account Manipulation: Additional Cloud Roles
               .origin = Origin::picket,
               .title = "{principal} widened its own permissions.",
               .description = "{principal} called {api} from {remote_ip} on itself. A key that may change "
                              "its own permissions "
                              "may soon do everything; people are given rights by others."}},
    .summary =
        "An IAM user, or the role of an instance, gave itself a policy, joined a group or took "
        "away its own permissions boundary.",
    .when = {calls("iam.amazonaws.com",
                   {"PutUserPolicy", "AttachUserPolicy", "AddUserToGroup", "DeleteUserPermissionsBoundary",
                    "PutRolePolicy", "AttachRolePolicy", "DeleteRolePermissionsBoundary"})},
    .issue = {key::principal},
    .logic = each(grants_itself),
    .blind_spots =
        "Rights gained by a detour: a policy's new version, a role or function made for it, another user. "
        "Roles other "
        "than those of instances, which pipelines keep up themselves. How much the policy allows is not "
        "weighed.",
};

}  // namespace picket::detectors
