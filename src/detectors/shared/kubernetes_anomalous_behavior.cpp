#include <algorithm>
#include <array>

#include "detectors/shared/kubernetes_call.h"
#include "detectors/shared/kubernetes_requester.h"
#include "detectors/shared/kubernetes_workload.h"
#include "engine/detector.h"
#include "engine/learned.h"

namespace picket::detectors {

static std::optional<Evidence> classify(const AuditEvent& event, const Context&);
static std::optional<Evidence> judge(const Incident& incident);

namespace {

enum Type : std::size_t {
  secrets_accessed,
  permission_checked,
  exec_in_pod,
  workload_deployed,
  sensitive_mounted,
  role_binding_created,
  role_created,
  privileged_container
};

Logic behaviour_of_clusters() {
  Logic logic = learned(judge);
  logic.audit = classify;
  return logic;
}

}  // namespace

#define PICKET_ANOMALY(NAME, LEVEL, TACTIC, TECHNIQUE, WHAT)                                \
  {.name = NAME,                                                                            \
   .severity = Severity::LEVEL,                                                             \
   .mitre = {TACTIC, TECHNIQUE},                                                            \
   .title = "{principal} " WHAT " in {cluster} in a way that is unusual for it.",           \
   .description =                                                                           \
       "{principal} {request} in {cluster} and, close to it in time: "                      \
       "{anomalies.anomalousAPIs}. Against what is normal for the user, its peers and the " \
       "cluster this comes to {score} of evidence; from {threshold} on it is raised. {one_in}."}

extern const Detector kubernetes_anomalous_behavior = {
    .types = {PICKET_ANOMALY("CredentialAccess:Kubernetes/AnomalousBehavior.SecretsAccessed", medium,
                             "TA0006", "T1552.007", "read secrets"),
              PICKET_ANOMALY("Discovery:Kubernetes/AnomalousBehavior.PermissionChecked", low, "TA0007",
                             "T1069", "asked what it may do"),
              PICKET_ANOMALY("Execution:Kubernetes/AnomalousBehavior.ExecInPod", medium, "TA0002", "T1609",
                             "ran commands in a pod"),
              PICKET_ANOMALY("Execution:Kubernetes/AnomalousBehavior.WorkloadDeployed", low, "TA0002",
                             "T1610", "deployed a workload"),
              PICKET_ANOMALY(
                  "Persistence:Kubernetes/AnomalousBehavior.WorkloadDeployed!ContainerWithSensitiveMount",
                  high, "TA0003", "T1611", "deployed a container that mounts the node's files"),
              PICKET_ANOMALY("PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleBindingCreated", medium,
                             "TA0004", "T1098", "bound {role}"),
              PICKET_ANOMALY("PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleCreated", low, "TA0004",
                             "T1098", "made a role of many rights"),
              PICKET_ANOMALY(
                  "PrivilegeEscalation:Kubernetes/AnomalousBehavior.WorkloadDeployed!PrivilegedContainer",
                  high, "TA0004", "T1610", "deployed a privileged container")},
    .summary =
        "A user of a cluster does what is normal neither for it nor for its peers and the cluster: reads "
        "secrets, opens shells, deploys workloads, makes roles. A command that takes a pod's credentials is "
        "a "
        "habit of its own.",
    .when = {behaviours(LogKind::k8saudit)},
    .issue = {key::cluster, key::kubernetes_user, key::principal},
    .logic = behaviour_of_clusters(),
    .blind_spots =
        "Nothing is raised in the first 14 days of a cluster. What is typed into a shell. Audit levels "
        "without bodies hide what a "
        "workload runs and what a role allows. The control plane and controllers of kube-system are "
        "taken at their word."};

#undef PICKET_ANOMALY

namespace {

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

bool writes(const AuditEvent& event) { return is_one_of(event.verb, {"create", "update", "patch"}); }

// Whether one of the rules that a request writes satisfies `test`, which gets the rule and a test of its
// members.
bool any_rule(const AuditEvent& event, auto test) {
  const JsonDocument document = event.request_object.parse();
  const auto rules = document.at("rules");
  simdjson::dom::array list;
  if (!rules || rules->get(list) != simdjson::SUCCESS) return false;
  return std::any_of(list.begin(), list.end(), [&](const simdjson::dom::element& rule) {
    return test([&](const char* member, std::initializer_list<std::string_view> names) {
      simdjson::dom::element value;
      if (rule[member].get(value) != simdjson::SUCCESS) return false;
      return any_text(value, [&](std::string_view text) { return is_one_of(text, names); });
    });
  });
}

// Rights over everything, over secrets, or that lead to more rights.
bool excessive(const AuditEvent& event) {
  return any_rule(event, [](auto allows) {
    return allows("verbs", {"*", "escalate", "bind", "impersonate"}) ||
           allows("resources", {"*", "pods/exec", "secrets", "nodes/proxy", "serviceaccounts/token"});
  });
}

bool everything(const AuditEvent& event) {
  return any_rule(event, [](auto allows) { return allows("verbs", {"*"}) && allows("resources", {"*"}); });
}

bool of_administrator(const RoleBinding& binding, const AuditEvent& event) {
  return is_one_of(binding.role_name, {"cluster-admin", "admin", "edit", "system:masters"}) ||
         binding.role_name.contains("admin") ||
         is_one_of(event.object_ref.namespace_name, {"kube-system", "kube-public"});
}

// Images that only attackers and testers of clusters run, and commands that open a shell to elsewhere or run
// what they fetch.
bool suspicious(const KubernetesWorkload& workload) {
  constexpr std::array<std::string_view, 6> images{"kali",        "metasploit", "xmrig",
                                                   "kube-hunter", "peirates",   "deepce"};
  constexpr std::array<std::string_view, 8> commands{"/dev/tcp/", "nc -e", "ncat -e", "bash -i",
                                                     "|sh",       "| sh",  "|bash",   "| bash"};
  return std::ranges::any_of(workload.images,
                             [&](const std::string& image) {
                               return std::ranges::any_of(
                                   images, [&](std::string_view part) { return image.contains(part); });
                             }) ||
         std::ranges::any_of(commands,
                             [&](std::string_view part) { return workload.commands.contains(part); });
}

// What is run, as the client wrote it.
std::optional<std::string> command_of(const AuditEvent& event) {
  constexpr std::size_t shown_max = 200;
  const std::size_t query = event.request_uri.find('?');
  if (query == event.request_uri.npos) return std::nullopt;
  return std::string(event.request_uri.substr(query + 1, shown_max));
}

Evidence workload_evidence(const AuditEvent& event) {
  const auto workload = workload_of(event);
  if (!workload) return Evidence{}.as(workload_deployed);
  std::string images, mounts;
  for (const std::string& image : workload->images) images += (images.empty() ? "" : " ") + image;
  for (const std::string& path : workload->mounts) {
    if (sensitive_mount(path)) mounts += (mounts.empty() ? "" : " ") + path;
  }
  Evidence evidence{{"image", images}};
  if (!mounts.empty()) evidence.add("mounts", mounts);
  if (!workload->service_account.empty()) evidence.add("service_account", workload->service_account);
  // What an image is usually run with is part of what is usual.
  std::string resource = std::move(images);
  if (workload->privileged) resource += " privileged";
  if (workload->host_network) resource += " hostNetwork";
  if (workload->host_pid) resource += " hostPID";
  if (workload->system_admin) resource += " SYS_ADMIN";
  if (!mounts.empty()) resource += " mounts " + mounts;
  evidence.add("resource", resource);
  // Who may trace and mount what the node runs is as good as privileged.
  if (workload->privileged || (workload->system_admin && workload->host_pid))
    return std::move(evidence).as(privileged_container);
  if (!mounts.empty()) return std::move(evidence).as(sensitive_mounted);
  if (suspicious(*workload)) evidence.add("suspicious", "image or command");
  return std::move(evidence).as(workload_deployed);
}

}  // namespace

// Every request of somebody is a behaviour; those of no type are only circumstances.
static std::optional<Evidence> classify(const AuditEvent& event, const Context&) {
  if (!decides(event) || cluster_machinery(event) || unauthenticated(event)) return std::nullopt;
  const AuditObject& object = event.object_ref;
  if (object.resource.empty()) return std::nullopt;
  const auto of = [&](Type type, Evidence evidence) {
    evidence.add("request", request_text(event));
    return std::move(evidence).as(type);
  };
  if (!succeeded(event)) return Evidence{}.as_signal();
  if (object.resource == "secrets" && is_one_of(event.verb, {"get", "list", "watch"}))
    return of(secrets_accessed, Evidence{});
  if (is_one_of(object.resource, {"selfsubjectaccessreviews", "selfsubjectrulesreviews"}))
    return of(permission_checked, Evidence{});
  if (object.resource == "pods" && is_one_of(object.subresource, {"exec", "attach"}))
    return of(exec_in_pod, Evidence{{"command", command_of(event)}});
  // A container put into a pod that runs is a shell in it.
  if (object.resource == "pods" && object.subresource == "ephemeralcontainers" && writes(event)) {
    Evidence evidence = workload_evidence(event);
    return of(evidence.type == privileged_container ? privileged_container : exec_in_pod,
              std::move(evidence));
  }
  if (!writes(event) || !object.subresource.empty()) return Evidence{}.as_signal();
  if (is_one_of(object.resource, {"roles", "clusterroles"})) {
    if (!excessive(event)) return Evidence{}.as_signal();
    return of(role_created, Evidence{{"resource", std::string(object.name)},
                                     {"rights", everything(event) ? "everything" : "many"}});
  }
  if (is_one_of(object.resource, {"rolebindings", "clusterrolebindings"})) {
    const RoleBinding binding = role_binding_of(event);
    if (!of_administrator(binding, event)) return Evidence{}.as_signal();
    return of(role_binding_created, Evidence{{"role", binding.role_kind + ' ' + binding.role_name},
                                             {"resource", binding.role_name}});
  }
  if (is_one_of(object.resource, {"pods", "deployments", "daemonsets", "statefulsets", "replicasets", "jobs",
                                  "cronjobs", "replicationcontrollers"})) {
    Evidence evidence = workload_evidence(event);
    evidence.add("request", request_text(event));
    return evidence;
  }
  return Evidence{}.as_signal();
}

static std::optional<Evidence> judge(const Incident& incident) {
  if (incident.domain != Domain::cluster) return std::nullopt;
  const IncidentScore score = weigh(incident);
  if (!is_anomalous(incident, score)) return std::nullopt;
  const Behaviour& primary = incident.behaviours[score.primary].what;
  if (!primary.type) return std::nullopt;
  Evidence evidence{};
  evidence.values = primary.details;
  // As GuardDuty has it.
  for (const auto& [name, value] : primary.details) {
    if (name == "suspicious" || (name == "rights" && value == "everything"))
      evidence.severity = number_of(Severity::medium);
    if (*primary.type == role_binding_created && name == "resource" &&
        is_one_of(value, {"cluster-admin", "admin"}))
      evidence.severity = number_of(Severity::high);
  }
  return std::move(evidence).as(*primary.type);
}

}  // namespace picket::detectors
