// What a request that writes a pod, or something that makes pods, would run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "event/audit_event.h"

namespace picket::detectors {

struct KubernetesWorkload {
  std::vector<std::string> images;  // without tag and digest
  std::vector<std::string> mounts;  // paths of the node that are mounted
  std::string service_account, commands;
  bool privileged = false;
  bool system_admin = false;  // a container has the capability, or all
  bool host_network = false, host_pid = false;
};

// Absent when the audit level leaves out the request's body, or it holds no pod.
std::optional<KubernetesWorkload> workload_of(const AuditEvent& event);

// Of the node: with it a container reaches the node itself, its credentials or its container runtime. AWS
// does not publish its list; ours follows Kubernetes's Pod Security Standards, which allow none, less what
// agents for logs and metrics read.
bool sensitive_mount(std::string_view path);

}  // namespace picket::detectors
