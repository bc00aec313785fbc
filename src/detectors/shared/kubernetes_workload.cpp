#include "detectors/shared/kubernetes_workload.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

std::string_view text_at(const dom::element& element, std::string_view member) {
  std::string_view text;
  return element[member].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

bool flag_at(const dom::element& element, std::string_view member) {
  bool flag = false;
  return element[member].get(flag) == simdjson::SUCCESS && flag;
}

template <class F>
void each_of(const dom::element& element, std::string_view member, F visit) {
  dom::array list;
  if (element[member].get(list) != simdjson::SUCCESS) return;
  for (const dom::element item : list) visit(item);
}

// "registry/team/app" of "registry:5000/team/app:v1@sha256:…".
std::string_view without_tag(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const std::size_t colon = image.rfind(':');
  const std::size_t slash = image.rfind('/');
  if (colon == std::string_view::npos || (slash != std::string_view::npos && colon < slash)) return image;
  return image.substr(0, colon);
}

void read_container(const dom::element& container, KubernetesWorkload& workload) {
  if (const std::string_view image = without_tag(text_at(container, "image")); !image.empty())
    workload.images.emplace_back(image);
  dom::element security;
  if (container["securityContext"].get(security) == simdjson::SUCCESS) {
    workload.privileged |= flag_at(security, "privileged");
    dom::element capabilities;
    if (security["capabilities"].get(capabilities) == simdjson::SUCCESS) {
      each_of(capabilities, "add", [&](const dom::element& one) {
        std::string_view name;
        if (one.get(name) == simdjson::SUCCESS)
          workload.system_admin |= name == "ALL" || name == "SYS_ADMIN" || name == "CAP_SYS_ADMIN";
      });
    }
  }
  for (const std::string_view member : {"command", "args"}) {
    each_of(container, member, [&](const dom::element& word) {
      std::string_view text;
      if (word.get(text) == simdjson::SUCCESS) (workload.commands += text) += ' ';
    });
  }
}

}  // namespace

std::optional<KubernetesWorkload> workload_of(const AuditEvent& event) {
  const JsonDocument document = event.request_object.parse();
  // Of a CronJob, of what has a template, of a pod.
  std::optional<dom::element> spec;
  for (const std::string_view path : {"spec.jobTemplate.spec.template.spec", "spec.template.spec", "spec"}) {
    const auto at = document.at(path);
    dom::array containers;
    if (!at || ((*at)["containers"].get(containers) != simdjson::SUCCESS &&
                (*at)["ephemeralContainers"].get(containers) != simdjson::SUCCESS))
      continue;
    spec = at;
    break;
  }
  if (!spec) return std::nullopt;
  KubernetesWorkload workload;
  for (const std::string_view member : {"containers", "initContainers", "ephemeralContainers"})
    each_of(*spec, member, [&](const dom::element& container) { read_container(container, workload); });
  each_of(*spec, "volumes", [&](const dom::element& volume) {
    dom::element host;
    if (volume["hostPath"].get(host) == simdjson::SUCCESS)
      workload.mounts.emplace_back(text_at(host, "path"));
  });
  workload.service_account = text_at(*spec, "serviceAccountName");
  workload.host_network = flag_at(*spec, "hostNetwork");
  workload.host_pid = flag_at(*spec, "hostPID");
  return workload;
}

bool sensitive_mount(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  constexpr std::array<std::string_view, 10> paths{"/etc",
                                                   "/root",
                                                   "/home",
                                                   "/proc",
                                                   "/var/run",
                                                   "/run",
                                                   "/var/lib/kubelet",
                                                   "/var/lib/docker",
                                                   "/var/lib/containerd",
                                                   "/boot"};
  if (path == "/" || path == "/var" || path == "/var/lib") return true;
  return std::ranges::any_of(paths, [&](std::string_view known) {
    return path.starts_with(known) && (path.size() == known.size() || path[known.size()] == '/');
  });
}

}  // namespace picket::detectors
