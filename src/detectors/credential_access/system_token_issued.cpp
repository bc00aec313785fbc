#include "detectors/shared/kubernetes_call.h"
#include "detectors/shared/kubernetes_requester.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// The kubelet asks for the tokens of its pods; anybody else asks for a kube-system account's to become it.
std::optional<Evidence> issues_system_token(const AuditEvent& event, const Context&) {
  if (event.object_ref.namespace_name != "kube-system" || !decides(event) || !succeeded(event))
    return std::nullopt;
  if (cluster_machinery(event)) return std::nullopt;
  return Evidence{{"request", request_text(event)},
                  {"service_account", std::string(event.object_ref.name)},
                  {"expiration_seconds", event.request_object.find("spec.expirationSeconds")}};
}

}  // namespace

extern const Detector system_token_issued = {
    .types =
        {{.name = "CredentialAccess:Kubernetes/SystemTokenIssued",
          .severity = Severity::medium,
          .mitre = {"TA0006", "T1528"},  // Steal Application Access Token
          .origin = Origin::picket,
          .title = "{principal} made itself a token of kube-system account {service_account} in {cluster}.",
          .description =
              "{principal} asked the API of {cluster} for a token of service account {service_account} of "
              "kube-system ({request}); whoever holds it has the rights of that controller."}},
    .summary =
        "A token of a kube-system service account was issued to somebody who is none of the cluster's "
        "machinery.",
    .when = {audit({"create"}, {"serviceaccounts/token"})},
    .issue = {key::cluster, key::kubernetes_user, key::evidence("service_account")},
    .logic = each(issues_system_token),
    .blind_spots = "Tokens of accounts in other namespaces, and long-lived tokens kept in secrets.",
};

}  // namespace picket::detectors
