#include "detectors/shared/kubernetes_call.h"
#include "detectors/shared/kubernetes_requester.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Signers whose certificates let their holder call the API as a user. EKS and kubeadm approve those of nodes
// (kube-apiserver-client-kubelet, kubelet-serving) themselves.
constexpr std::string_view client_signer = "kubernetes.io/kube-apiserver-client";

std::optional<Evidence> approves_client_certificate(const AuditEvent& event, const Context&) {
  if (!decides(event) || !succeeded(event) || cluster_machinery(event)) return std::nullopt;
  for (const RawJson* source : {&event.response_object, &event.request_object}) {
    const JsonDocument request = source->parse();
    const auto signer = request.at("spec.signerName");
    if (!signer) continue;
    if (scalar_text(*signer) != client_signer) return std::nullopt;
    const auto type = request.at("status.conditions.0.type");
    if (type && scalar_text(*type) == "Denied") return std::nullopt;
    const auto user = request.at("spec.username");
    return Evidence{{"request", request_text(event)},
                    {"requested_by", user ? scalar_text(*user) : std::nullopt}};
  }
  return std::nullopt;
}

}  // namespace

extern const Detector client_certificate_approved = {
    .types =
        {{.name = "Persistence:Kubernetes/ClientCertificateApproved",
          .severity = Severity::medium,
          .mitre = {"TA0003", "T1098.001"},  // Additional Cloud Credentials
          .origin = Origin::picket,
          .title = "{principal} approved a client certificate in {cluster}.",
          .description =
              "{principal} approved a certificate for calling the API of {cluster} ({request}). Kubernetes "
              "cannot revoke one: it stays valid until it expires, whatever becomes of its owner."}},
    .summary = "Somebody other than the cluster's own controllers approved a client certificate for its API.",
    .when = {audit({"update", "patch"}, {"certificatesigningrequests/approval"})},
    .issue = {key::cluster, key::kubernetes_user},
    .logic = each(approves_client_certificate),
    .blind_spots =
        "Certificates signed outside the API with a stolen key of the authority; audit levels that leave out "
        "bodies.",
};

}  // namespace picket::detectors
