// What the detectors of Kubernetes audit events share: which stage of a request to judge, how it went, who
// asked and what the request is good for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event/audit_event.h"

namespace picket::detectors {

// Whether this is the stage at which a request is judged, so that each counts once: its start for watches,
// start or end for sessions (event/audit_stage.h; the engine takes the later one for a copy), its completion
// for all others.
bool decides(const AuditEvent& event);

bool succeeded(const AuditEvent& event);

// The requester itself gave no credentials. Somebody who impersonates system:anonymous did.
bool unauthenticated(const AuditEvent& event);

// Paths that are meant to be asked without credentials: health, version and the issuer's public keys.
bool public_endpoint(const AuditEvent& event);

// The ATT&CK tactic a request serves. AWS does not publish its table; this is ours, by resource and verb.
enum class KubernetesTactic : std::size_t {
  credential_access,
  defense_evasion,
  discovery,
  impact,
  persistence
};
KubernetesTactic tactic_of(const AuditEvent& event);

// "get pods default/web", or the path for a request that is about no resource.
std::string request_text(const AuditEvent& event);

// A RoleBinding or ClusterRoleBinding that a request writes.
struct RoleBinding {
  struct Subject {
    std::string kind, name, namespace_name;
  };
  std::string role_kind, role_name;
  std::vector<Subject> subjects;
};
// From the response, which holds the whole object also after a patch, else from the request.
RoleBinding role_binding_of(const AuditEvent& event);

// "User system:anonymous", "ServiceAccount dev/default".
std::string text_of(const RoleBinding::Subject& subject);

}  // namespace picket::detectors
