// Who asks a cluster's API: its own machinery, or somebody.
#pragma once

#include "event/audit_event.h"

namespace picket::detectors {

// The control plane, nodes, EKS itself and controllers of kube-system, which do all day what would be
// remarkable of anybody else. Judged by the user whose credentials were used, not by the one impersonated.
// The API server lets nobody else have these names: "system:" is reserved to it, "eks:" to EKS.
bool cluster_machinery(const AuditEvent& event);

}  // namespace picket::detectors
