#include "detectors/shared/kubernetes_listed_caller.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> from_malicious_address(const AuditEvent& event, const Context& context) {
  return listed_request(
      event, context,
      {IntelCategory::malicious, IntelCategory::c2, IntelCategory::mining, IntelCategory::scanner,
       IntelCategory::phishing, IntelCategory::drop_point, IntelCategory::drive_by, IntelCategory::malware});
}

constexpr std::string_view description =
    "{principal} called the API of {cluster} from {remote_ip}, an address of threat list "
    "{threat_list}: {request}.";

}  // namespace

// Types in the order of KubernetesTactic.
extern const Detector kubernetes_malicious_ip_caller = {
    .types = {{.name = "CredentialAccess:Kubernetes/MaliciousIPCaller",
               .severity = Severity::high,
               .mitre = {"TA0006", "T1552.007"},  // Unsecured Credentials: Container API
               .title = "{principal} reached for credentials in {cluster} from a known malicious address.",
               .description = description},
              {.name = "DefenseEvasion:Kubernetes/MaliciousIPCaller",
               .severity = Severity::high,
               .mitre = {"TA0005", "T1562"},  // Impair Defenses
               .title = "{principal} weakened the defences of {cluster} from a known malicious address.",
               .description = description},
              {.name = "Discovery:Kubernetes/MaliciousIPCaller",
               .severity = Severity::medium,
               .mitre = {"TA0007", "T1613"},  // Container and Resource Discovery
               .title = "{principal} explored {cluster} from a known malicious address.",
               .description = description},
              {.name = "Impact:Kubernetes/MaliciousIPCaller",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1485"},  // Data Destruction
               .title = "{principal} tampered with {cluster} from a known malicious address.",
               .description = description},
              {.name = "Persistence:Kubernetes/MaliciousIPCaller",
               .severity = Severity::medium,
               .mitre = {"TA0003", "T1098"},  // Account Manipulation
               .title = "{principal} made something lasting in {cluster} from a known malicious address.",
               .description = description}},
    .summary = "A cluster's API was called from a known malicious address.",
    .when = {listed_requester(
        {"malicious", "c2", "mining", "scanner", "phishing", "drop_point", "drive_by", "malware"})},
    .issue = {key::cluster, key::kubernetes_user},
    .logic = each(from_malicious_address),
    .blind_spots =
        "Addresses no loaded list knows. The caller's address is the first of sourceIPs, which a client can "
        "forge.",
};

}  // namespace picket::detectors
