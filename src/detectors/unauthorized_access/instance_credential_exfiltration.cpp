#include "detectors/shared/stolen_sessions.h"

namespace picket::detectors {

namespace {

// The instance whose credentials made the call, empty for all others; the first test is cheap, for it runs on
// every call.
std::string_view instance_of(const UserIdentity& identity) {
  if (identity.type != "AssumedRole") return {};
  // Only credentials from an instance's metadata service have this member, whatever the session's name looks
  // like.
  if (!identity.ec2_role_delivery.empty()) return session_name(identity);
  const std::string_view whole = identity.arn.empty() ? identity.principal_id : identity.arn;
  const std::size_t separator = whole.find_last_of(identity.arn.empty() ? ':' : '/');
  if (separator == std::string_view::npos || !whole.substr(separator + 1).starts_with("i-")) return {};
  return instance_session(identity);
}

std::optional<Evidence> select(const CloudTrailEvent& call, const Context&) {
  const std::string_view instance = instance_of(call.user_identity);
  return instance.empty() ? person_row_of(call) : session_row_of(call, instance_name, instance);
}

struct InstanceSessions : StolenSessions {
  InstanceSessions() : StolenSessions(instance_name) {}
};

}  // namespace

extern const Detector instance_credential_exfiltration = {
    .types =
        {{.name = "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.InsideAWS",
          .severity = Severity::high,
          .mitre = {"TA0006", "T1552.005"},  // Credential Access: Cloud Instance Metadata API
          .title = "Credentials of instance {instance} were used from elsewhere in AWS.",
          .description = "Credentials that only instance {instance} should hold were used to call {api} from "
                         "{remote_ip}, inside AWS but not where the instance is: {why}."},
         {.name = "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
          .severity = Severity::high,
          .mitre = {"TA0006", "T1552.005"},
          .title = "Credentials of instance {instance} were used from outside AWS.",
          .description = "Credentials that only instance {instance} should hold were used to call {api} from "
                         "{remote_ip}, which is not where the instance is: {why}."},
         {.name = "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.InsideAccount",
          .severity = Severity::medium,
          .mitre = {"TA0006", "T1552.005"},
          .origin = Origin::picket,
          .title = "Credentials of instance {instance} were used on instance {used_on}.",
          .description = "Credentials that only instance {instance} should hold were used to call {api} from "
                         "{used_from}, the address of instance {used_on} of the same account: {why}."}},
    .summary = "An instance role's session was used from where the instance is not.",
    .when = {any_call()},
    .issue = {key::principal, key::evidence("instance")},
    .entity = key::evidence(session_row::account),
    .logic = ordered<InstanceSessions>(select),
    .blind_spots =
        "Use from a NAT gateway of the same account or from an instance that forwards others' traffic; from "
        "addresses inside AWS's ranges whose owner is not known, unless the instance called from its own "
        "known place within a week; without loaded ranges, a stolen session that is only ever seen at one "
        "address where nobody else was. Instances that leave through a company's line look stolen until "
        "three were seen there each day for three days, unless they were seen there from their launch, "
        "three people work there, or it is beside a known customer gateway.",
};

}  // namespace picket::detectors
