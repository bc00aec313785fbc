#include <array>

#include "detectors/shared/kubernetes_call.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

// Labels by which the dashboard's manifests and charts select its pods, and its value in them.
constexpr std::array<std::string_view, 3> selector_labels = {"k8s-app", "app.kubernetes.io/name",
                                                             "app.kubernetes.io/part-of"};
constexpr std::string_view dashboard = "kubernetes-dashboard";

std::optional<std::string_view> text_in(const dom::element& object, std::string_view member) {
  std::string_view text;
  if (object[member].get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

bool selects_dashboard(const JsonDocument& service, const AuditEvent& event) {
  if (const auto selector = service.at("spec.selector")) {
    for (const std::string_view label : selector_labels) {
      if (text_in(*selector, label) == dashboard) return true;
    }
  }
  return event.object_ref.name.starts_with(dashboard);
}

// Load balancers of EKS are open to the Internet unless the service says otherwise; the AWS Load Balancer
// Controller (types external and nlb-ip) makes internal ones unless it says so.
bool internet_facing(const JsonDocument& service) {
  const auto annotations = service.at("metadata.annotations");
  if (annotations) {
    constexpr std::string_view prefix = "service.beta.kubernetes.io/aws-load-balancer-";
    const auto value = [&](std::string_view name) {
      return text_in(*annotations, std::string(prefix) + std::string(name));
    };
    const auto internal = value("internal"), scheme = value("scheme"), type = value("type");
    if (scheme) return *scheme == "internet-facing";
    if (internal) return *internal == "false";
    if (type == "external" || type == "nlb-ip") return false;
  }
  const auto ranges = service.at("spec.loadBalancerSourceRanges");
  dom::array list;
  if (!ranges || ranges->get(list) != simdjson::SUCCESS || list.size() == 0) return true;
  for (const dom::element range : list) {
    std::string_view text;
    if (range.get(text) == simdjson::SUCCESS && text.ends_with("/0")) return true;
  }
  return false;
}

std::optional<Evidence> exposes_dashboard(const AuditEvent& event, const Context&) {
  if (!decides(event) || !succeeded(event)) return std::nullopt;
  // The response holds the whole service also after a patch.
  const JsonDocument response = event.response_object.parse();
  const JsonDocument request = event.request_object.parse();
  const JsonDocument& service = response.at("spec") ? response : request;
  const auto type = service.at("spec.type");
  if (!type || scalar_text(*type) != "LoadBalancer") return std::nullopt;
  if (!selects_dashboard(service, event) || !internet_facing(service)) return std::nullopt;
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
