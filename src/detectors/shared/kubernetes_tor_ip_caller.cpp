#include "detectors/shared/kubernetes_listed_caller.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> through_tor(const AuditEvent& event, const Context& context) {
  return listed_request(event, context, {IntelCategory::tor_exit});
}

constexpr std::string_view description =
    "{principal} called the API of {cluster} from {remote_ip}, an address of threat list "
    "{threat_list}: {request}.";

}  // namespace

// Types in the order of KubernetesTactic.
extern const Detector kubernetes_tor_ip_caller = {
    .types = {{.name = "CredentialAccess:Kubernetes/TorIPCaller",
               .severity = Severity::high,
               .mitre = {"TA0006", "T1552.007"},  // Unsecured Credentials: Container API
               .title = "{principal} reached for credentials in {cluster} from a Tor exit node.",
               .description = description},
              {.name = "DefenseEvasion:Kubernetes/TorIPCaller",
               .severity = Severity::high,
               .mitre = {"TA0005", "T1562"},  // Impair Defenses
               .title = "{principal} weakened the defences of {cluster} from a Tor exit node.",
               .description = description},
              {.name = "Discovery:Kubernetes/TorIPCaller",
               .severity = Severity::medium,
               .mitre = {"TA0007", "T1613"},  // Container and Resource Discovery
               .title = "{principal} explored {cluster} from a Tor exit node.",
               .description = description},
              {.name = "Impact:Kubernetes/TorIPCaller",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1485"},  // Data Destruction
               .title = "{principal} tampered with {cluster} from a Tor exit node.",
               .description = description},
              {.name = "Persistence:Kubernetes/TorIPCaller",
               .severity = Severity::medium,
               .mitre = {"TA0003", "T1098"},  // Account Manipulation
               .title = "{principal} made something lasting in {cluster} from a Tor exit node.",
               .description = description}},
    .summary = "A cluster's API was called from a Tor exit node.",
    .when = {listed_requester({"tor_exit"})},
    .issue = {key::cluster, key::kubernetes_user},
    .logic = each(through_tor),
    .blind_spots =
        "Exits younger than the loaded list, and Tor behind another proxy. The caller's address is the first "
        "of sourceIPs, which a client can forge.",
};

}  // namespace picket::detectors
