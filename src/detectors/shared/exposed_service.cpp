#include "detectors/shared/exposed_service.h"

#include <array>

#include "detectors/shared/kubernetes_call.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

std::optional<std::string_view> text_in(const dom::element& object, std::string_view member) {
  std::string_view text;
  if (object[member].get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
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

}  // namespace

std::optional<JsonDocument> internet_facing_service(const AuditEvent& event) {
  if (!decides(event) || !succeeded(event)) return std::nullopt;
  // The response holds the whole service also after a patch.
  for (const RawJson* source : {&event.response_object, &event.request_object}) {
    JsonDocument service = source->parse();
    if (!service.at("spec")) continue;
    const auto type = service.at("spec.type");
    if (!type || scalar_text(*type) != "LoadBalancer" || !internet_facing(service)) return std::nullopt;
    return service;
  }
  return std::nullopt;
}

bool selects(const JsonDocument& service, std::string_view value) {
  constexpr std::array<std::string_view, 4> labels = {"k8s-app", "app", "app.kubernetes.io/name",
                                                      "app.kubernetes.io/part-of"};
  const auto selector = service.at("spec.selector");
  if (!selector) return false;
  for (const std::string_view label : labels) {
    if (text_in(*selector, label) == value) return true;
  }
  return false;
}

}  // namespace picket::detectors
