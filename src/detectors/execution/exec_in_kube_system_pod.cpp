#include "detectors/shared/kubernetes_call.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// The command as the request's query spells it: "command=cat&command=%2Fetc%2Fpasswd".
std::optional<std::string> command_of(std::string_view uri) {
  std::string command;
  std::string_view query = uri.substr(std::min(uri.find('?'), uri.size()));
  while (!query.empty()) {
    query.remove_prefix(1);  // '?' or '&'
    const std::string_view item = query.substr(0, query.find('&'));
    query.remove_prefix(item.size());
    if (!item.starts_with("command=")) continue;
    if (!command.empty()) command += ' ';
    command += item.substr(8);
  }
  return command.empty() ? std::nullopt : std::optional(command);
}

std::optional<Evidence> runs_in_system_pod(const AuditEvent& event, const Context&) {
  if (event.object_ref.namespace_name != "kube-system" || !decides(event) || !succeeded(event))
    return std::nullopt;
  return Evidence{{"request", request_text(event)}, {"command", command_of(event.request_uri)}};
}

}  // namespace

extern const Detector exec_in_kube_system_pod = {
    .types = {{.name = "Execution:Kubernetes/ExecInKubeSystemPod",
               .severity = Severity::medium,
               .mitre = {"TA0002", "T1609"},  // Execution: Container Administration Command
               .title = "{principal} ran a command in a kube-system pod of {cluster}.",
               .description =
                   "{principal} ran a command through the exec API in a pod of namespace kube-system of "
                   "{cluster} ({request}). Pods there hold the cluster's own rights."}},
    .summary = "A command was run, or a terminal attached, in a pod of the kube-system namespace.",
    // Older clients send create, those since 1.30 get.
    .when = {audit({"create", "get"}, {"pods/exec", "pods/attach"})},
    .issue = {key::cluster, key::kubernetes_user},
    .logic = each(runs_in_system_pod),
    .blind_spots = "What was typed in a terminal, and commands run on the node itself.",
};

}  // namespace picket::detectors
