#include "detectors/shared/kubernetes_requester.h"

#include <string_view>

namespace picket::detectors {

bool cluster_machinery(const AuditEvent& event) {
  const std::string_view name = event.user.username;
  if (!event.impersonated_user.username.empty()) return false;
  if (name.starts_with("eks:") || name.starts_with("system:node:") || name.starts_with("system:kube-"))
    return true;
  return name == "system:apiserver" || name == "system:bootstrap" || name.starts_with("system:bootstrap:") ||
         name.starts_with("system:serviceaccount:kube-system:");
}

}  // namespace picket::detectors
