#include "detectors/shared/kubernetes_call.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// The service account itself, by its user name, or by a group that holds it.
bool default_account(const RoleBinding::Subject& subject) {
  if (subject.kind == "ServiceAccount") return subject.name == "default";
  if (subject.kind == "User")
    return subject.name.starts_with("system:serviceaccount:") && subject.name.ends_with(":default");
  return subject.name == "system:serviceaccounts" || subject.name.starts_with("system:serviceaccounts:");
}

std::optional<Evidence> binds_default_account(const AuditEvent& event, const Context&) {
  if (!decides(event) || !succeeded(event)) return std::nullopt;
  const RoleBinding binding = role_binding_of(event);
  // Kubernetes's own two roles that may do everything, in the cluster or in a namespace.
  if (binding.role_name != "cluster-admin" && binding.role_name != "admin") return std::nullopt;
  for (const RoleBinding::Subject& subject : binding.subjects) {
    if (!default_account(subject)) continue;
    return Evidence{{"request", request_text(event)},
                    {"subject", text_of(subject)},
                    {"role", binding.role_kind + " " + binding.role_name}};
  }
  return std::nullopt;
}

}  // namespace

extern const Detector admin_access_to_default_service_account = {
    .types = {{.name = "Policy:Kubernetes/AdminAccessToDefaultServiceAccount",
               .severity = Severity::high,
               .mitre = {{}, "T1098"},  // Account Manipulation
               .title = "{principal} gave a default service account admin rights in {cluster}.",
               .description =
                   "{principal} bound {subject} to {role} in {cluster}: every pod that names no service "
                   "account of its own has these rights."}},
    .summary = "Admin rights were bound to a namespace's default service account.",
    .when = {audit({"create", "update", "patch"}, {"rolebindings", "clusterrolebindings"})},
    .issue = {key::cluster, key::kubernetes_user, key::workload},
    .logic = each(binds_default_account),
    .blind_spots =
        "Roles of other names that may do everything; audit levels that leave out request and response "
        "bodies.",
};

}  // namespace picket::detectors
