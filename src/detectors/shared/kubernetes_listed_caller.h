// What the families of Kubernetes requests from listed addresses have in common.
#pragma once

#include <initializer_list>
#include <optional>

#include "engine/detector.h"

namespace picket::detectors {

// Evidence when the request counts for a Kubernetes type of listed callers and a hit has one of the
// categories. The type is the request's KubernetesTactic. A refused request counts when it came with
// credentials.
std::optional<Evidence> listed_request(const AuditEvent& event, const Context& context,
                                       std::initializer_list<IntelCategory> categories);

}  // namespace picket::detectors
