#include "detectors/shared/exposed_service.h"
#include "detectors/shared/kubernetes_call.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Kubeflow's own front page, and the Istio gateway that its manifests put before it: exposing the gateway in
// the namespace of a Kubeflow installation exposes the page.
std::optional<Evidence> exposes_kubeflow(const AuditEvent& event, const Context&) {
  const auto service = internet_facing_service(event);
  if (!service) return std::nullopt;
  constexpr std::string_view front_page = "centraldashboard", gateway = "istio-ingressgateway";
  const bool page = selects(*service, front_page) || event.object_ref.name.starts_with(front_page);
  const bool kubeflow_gateway = event.object_ref.namespace_name == "kubeflow" && selects(*service, gateway);
  if (!page && !kubeflow_gateway) return std::nullopt;
  return Evidence{{"request", request_text(event)}, {"service", std::string(event.object_ref.name)}};
}

}  // namespace

extern const Detector kubeflow_dashboard_exposed = {
    .types = {{.name = "Policy:Kubernetes/KubeflowDashboardExposed",
               .severity = Severity::medium,
               .mitre = {{}, "T1133"},  // External Remote Services
               .title = "{principal} exposed the Kubeflow dashboard of {cluster} to the Internet.",
               .description =
                   "{principal} made service {service} of {cluster}, the Kubeflow dashboard, a load balancer "
                   "that the Internet reaches."}},
    .summary = "The Kubeflow dashboard was exposed by a load balancer that faces the Internet.",
    .when = {audit({"create", "update", "patch"}, {"services"})},
    .issue = {key::cluster, key::workload},
    .logic = each(exposes_kubeflow),
    .blind_spots =
        "The Istio gateway when it is in a namespace of its own, an ingress, and services of other names "
        "with "
        "labels of their own.",
};

}  // namespace picket::detectors
