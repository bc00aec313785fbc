#include "detectors/shared/kubernetes_listed_caller.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> from_own_list(const AuditEvent& event, const Context& context) {
  return listed_request(event, context, {IntelCategory::custom});
}

constexpr std::string_view description =
    "{principal} called the API of {cluster} from {remote_ip}, an address of threat list "
    "{threat_list}: {request}.";

}  // namespace

// Types in the order of KubernetesTactic.
extern const Detector kubernetes_malicious_ip_caller_custom = {
    .types = {{.name = "CredentialAccess:Kubernetes/MaliciousIPCaller.Custom",
               .severity = Severity::high,
               .mitre = {"TA0006", "T1552.007"},  // Unsecured Credentials: Container API
               .title = "{principal} reached for credentials in {cluster} from an address of an own "
                        "threat list.",
               .description = description},
              {.name = "DefenseEvasion:Kubernetes/MaliciousIPCaller.Custom",
               .severity = Severity::high,
               .mitre = {"TA0005", "T1562"},  // Impair Defenses
               .title =
                   "{principal} weakened the defences of {cluster} from an address of an own threat list.",
               .description = description},
              {.name = "Discovery:Kubernetes/MaliciousIPCaller.Custom",
               .severity = Severity::medium,
               .mitre = {"TA0007", "T1613"},  // Container and Resource Discovery
               .title = "{principal} explored {cluster} from an address of an own threat list.",
               .description = description},
              {.name = "Impact:Kubernetes/MaliciousIPCaller.Custom",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1485"},  // Data Destruction
               .title = "{principal} tampered with {cluster} from an address of an own threat list.",
               .description = description},
              {.name = "Persistence:Kubernetes/MaliciousIPCaller.Custom",
               .severity = Severity::medium,
               .mitre = {"TA0003", "T1098"},  // Account Manipulation
               .title = "{principal} made something lasting in {cluster} from an address of an own threat "
                        "list.",
               .description = description}},
    .summary = "A cluster's API was called from an address of an own threat list.",
    .when = {listed_requester({"custom"})},
    .issue = {key::cluster, key::kubernetes_user},
    .logic = each(from_own_list),
    .blind_spots =
        "Addresses no own list names. The caller's address is the first of sourceIPs, which a client can "
        "forge.",
};

}  // namespace picket::detectors
