#include "detectors/shared/kubernetes_call.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Which binding let it in, as the API server noted.
std::optional<std::string> reason_of(const AuditEvent& event) {
  return event.authorization_reason.empty() ? std::nullopt
                                            : std::optional(std::string(event.authorization_reason));
}

// Refused requests are the Internet's everyday noise; what is meant to be public is no access.
std::optional<Evidence> anonymous_access(const AuditEvent& event, const Context&) {
  if (!unauthenticated(event) || !decides(event) || !succeeded(event) || public_endpoint(event))
    return std::nullopt;
  return Evidence{{"request", request_text(event)}, {"authorized_by", reason_of(event)}}.as(
      static_cast<std::size_t>(tactic_of(event)));
}

constexpr std::string_view description =
    "A request without credentials from {remote_ip} succeeded in {cluster}: {request}.";

}  // namespace

// Types in the order of KubernetesTactic.
extern const Detector kubernetes_successful_anonymous_access = {
    .types = {{.name = "CredentialAccess:Kubernetes/SuccessfulAnonymousAccess",
               .severity = Severity::high,
               .mitre = {"TA0006", "T1552.007"},  // Unsecured Credentials: Container API
               .title = "Someone without credentials reached for credentials in {cluster}.",
               .description = description},
              {.name = "DefenseEvasion:Kubernetes/SuccessfulAnonymousAccess",
               .severity = Severity::high,
               .mitre = {"TA0005", "T1562"},  // Impair Defenses
               .title = "Someone without credentials weakened the defences of {cluster}.",
               .description = description},
              {.name = "Discovery:Kubernetes/SuccessfulAnonymousAccess",
               .severity = Severity::medium,
               .mitre = {"TA0007", "T1613"},  // Container and Resource Discovery
               .title = "Someone without credentials explored {cluster}.",
               .description = description},
              {.name = "Impact:Kubernetes/SuccessfulAnonymousAccess",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1485"},  // Data Destruction
               .title = "Someone without credentials tampered with {cluster}.",
               .description = description},
              {.name = "Persistence:Kubernetes/SuccessfulAnonymousAccess",
               .severity = Severity::high,
               .mitre = {"TA0003", "T1098"},  // Account Manipulation
               .title = "Someone without credentials made something lasting in {cluster}.",
               .description = description}},
    .summary = "The cluster's API served a request that came without credentials.",
    .when = {audit({}, {})},
    .issue = {key::cluster, key::kubernetes_user},
    .logic = each(anonymous_access),
    .blind_spots = "Requests to the kubelet's own API.",
};

}  // namespace picket::detectors
