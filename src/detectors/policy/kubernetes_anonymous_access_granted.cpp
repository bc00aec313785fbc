#include "detectors/shared/kubernetes_call.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Bindings that Kubernetes itself or kubeadm makes: version and health for everybody, and what a joining node
// needs.
bool made_by_default(const RoleBinding& binding, const AuditEvent& event) {
  if (binding.role_name == "system:public-info-viewer") return true;
  return binding.role_name == "kubeadm:bootstrap-signer-clusterinfo" &&
         event.object_ref.namespace_name == "kube-public";
}

std::optional<Evidence> binds_anonymous(const AuditEvent& event, const Context&) {
  if (!decides(event) || !succeeded(event)) return std::nullopt;
  const RoleBinding binding = role_binding_of(event);
  if (made_by_default(binding, event)) return std::nullopt;
  for (const RoleBinding::Subject& subject : binding.subjects) {
    if (subject.name != "system:anonymous" && subject.name != "system:unauthenticated") continue;
    return Evidence{{"request", request_text(event)},
                    {"subject", text_of(subject)},
                    {"role", binding.role_kind + " " + binding.role_name}};
  }
  return std::nullopt;
}

}  // namespace

extern const Detector kubernetes_anonymous_access_granted = {
    .types = {{.name = "Policy:Kubernetes/AnonymousAccessGranted",
               .severity = Severity::high,
               .mitre = {{}, "T1098"},  // Account Manipulation
               .title = "{principal} granted anonymous users rights in {cluster}.",
               .description =
                   "{principal} bound {subject} to {role} in {cluster}: whoever reaches the cluster's "
                   "API has these rights without credentials."}},
    .summary = "A role was bound to requests without credentials.",
    .when = {audit({"create", "update", "patch"}, {"rolebindings", "clusterrolebindings"})},
    .issue = {key::cluster, key::kubernetes_user, key::workload},
    .logic = each(binds_anonymous),
    .blind_spots =
        "Audit levels that leave out request and response bodies; more rights for a role already bound.",
};

}  // namespace picket::detectors
