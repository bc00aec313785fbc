#include <algorithm>
#include <array>

#include "detectors/shared/kubernetes_call.h"
#include "detectors/shared/kubernetes_requester.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// What monitoring reads of a kubelet through the proxy.
constexpr std::array<std::string_view, 5> monitoring_paths = {"metrics", "stats", "healthz", "spec",
                                                              "configz"};

// "/api/v1/nodes/NAME/proxy/PATH" -> PATH's first segment.
std::string_view kubelet_path(std::string_view uri) {
  uri = uri.substr(0, uri.find('?'));
  const std::size_t proxy = uri.find("/proxy");
  if (proxy == std::string_view::npos) return {};
  uri.remove_prefix(proxy + 6);
  while (uri.starts_with('/')) uri.remove_prefix(1);
  return uri.substr(0, uri.find('/'));
}

std::optional<Evidence> uses_kubelet(const AuditEvent& event, const Context&) {
  if (!decides(event) || !succeeded(event) || cluster_machinery(event)) return std::nullopt;
  const std::string_view path = kubelet_path(event.request_uri);
  if (std::find(monitoring_paths.begin(), monitoring_paths.end(), path) != monitoring_paths.end())
    return std::nullopt;
  return Evidence{{"request", request_text(event)}, {"kubelet_path", std::string(path)}};
}

}  // namespace

extern const Detector node_proxy_used = {
    .types = {{.name = "Execution:Kubernetes/NodeProxyUsed",
               .severity = Severity::medium,
               .mitre = {"TA0004", "T1609"},  // Container Administration Command
               .origin = Origin::picket,
               .title = "{principal} reached the kubelet of a node of {cluster} through the API's proxy.",
               .description =
                   "{principal} called the kubelet's {kubelet_path} through the API of {cluster} "
                   "({request}). What "
                   "the kubelet does for the caller is neither subject to admission control nor audited."}},
    .summary = "A kubelet was reached through nodes/proxy for something else than monitoring.",
    .when = {audit({"get", "create"}, {"nodes/proxy"})},
    .issue = {key::cluster, key::kubernetes_user},
    .logic = each(uses_kubelet),
    .blind_spots = "The kubelet's own port, which audit logs do not see.",
};

}  // namespace picket::detectors
