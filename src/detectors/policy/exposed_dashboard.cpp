#include "detectors/shared/exposed_service.h"
#include "detectors/shared/kubernetes_call.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// The value of the labels by which the dashboard's manifests and charts select its pods.
constexpr std::string_view dashboard = "kubernetes-dashboard";

std::optional<Evidence> exposes_dashboard(const AuditEvent& event, const Context&) {
  const auto service = internet_facing_service(event);
  if (!service) return std::nullopt;
  if (!selects(*service, dashboard) && !event.object_ref.name.starts_with(dashboard)) return std::nullopt;
  return Evidence{{"request", request_text(event)}, {"service", std::string(event.object_ref.name)}};
}

}  // namespace

extern const Detector exposed_dashboard = {
    .types = {{.name = "Policy:Kubernetes/ExposedDashboard",
               .severity = Severity::medium,
               .mitre = {{}, "T1133"},  // External Remote Services
               .title = "{principal} exposed the dashboard of {cluster} to the Internet.",
               .description =
                   "{principal} made service {service} of {cluster}, the Kubernetes dashboard, a load "
                   "balancer that the Internet reaches."}},
    .summary = "The Kubernetes dashboard was exposed by a load balancer that faces the Internet.",
    .when = {audit({"create", "update", "patch"}, {"services"})},
    .issue = {key::cluster, key::workload},
    .logic = each(exposes_dashboard),
    .blind_spots =
        "Dashboards behind an ingress, a node port or a renamed service with labels of its own; other "
        "dashboards.",
};

}  // namespace picket::detectors
