// What the detectors of dashboards behind load balancers share: the service that a request writes, and
// whether the Internet reaches it.
#pragma once

#include <optional>
#include <string_view>

#include "event/audit_event.h"
#include "event/raw_json.h"

namespace picket::detectors {

// The Service that a request wrote, when it ends as a load balancer that the Internet reaches.
std::optional<JsonDocument> internet_facing_service(const AuditEvent& event);

// Whether the service's selector has one of the labels that manifests and charts give their pods ("k8s-app",
// "app.kubernetes.io/name", …) with this value.
bool selects(const JsonDocument& service, std::string_view value);

}  // namespace picket::detectors
