#include "detectors/shared/kubernetes_call.h"
#include "detectors/shared/kubernetes_requester.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Service accounts list and watch secrets as controllers do; Helm keeps its releases in secrets and asks for
// those by label.
std::optional<Evidence> lists_all_secrets(const AuditEvent& event, const Context&) {
  if (!event.object_ref.namespace_name.empty() || !decides(event) || !succeeded(event)) return std::nullopt;
  if (cluster_machinery(event) || event.user.username.starts_with("system:serviceaccount:"))
    return std::nullopt;
  if (event.request_uri.contains("labelSelector=owner") || event.request_uri.contains("fieldSelector=type"))
    return std::nullopt;
  return Evidence{{"request", request_text(event)}, {"uri", std::string(event.request_uri)}};
}

}  // namespace

extern const Detector cluster_secrets_listed = {
    .types = {{.name = "CredentialAccess:Kubernetes/ClusterSecretsListed",
               .severity = Severity::medium,
               .mitre = {"TA0006", "T1552.007"},  // Unsecured Credentials: Container API
               .origin = Origin::picket,
               .title = "{principal} read the secrets of all namespaces of {cluster}.",
               .description = "{principal} listed all secrets of {cluster} with their content from "
                              "{remote_ip} ({request})."}},
    .summary = "A user, not a controller, listed the secrets of all namespaces of a cluster.",
    .when = {audit({"list"}, {"secrets"})},
    .issue = {key::cluster, key::kubernetes_user},
    .logic = each(lists_all_secrets),
    .blind_spots = "Secrets read namespace by namespace, and by a service account's stolen token.",
};

}  // namespace picket::detectors
