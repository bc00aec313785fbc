#include "detectors/shared/kubernetes_call.h"

#include <algorithm>
#include <array>

#include "event/audit_stage.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

template <std::size_t N>
bool in(const std::array<std::string_view, N>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool reads(std::string_view verb) {
  constexpr std::array<std::string_view, 5> verbs = {"get", "list", "watch", "head", "options"};
  return in(verbs, verb) || verb.empty();
}

bool deletes(std::string_view verb) { return verb == "delete" || verb == "deletecollection"; }

// A shell, a command or a tunnel into a container or node.
bool interactive(std::string_view subresource) {
  constexpr std::array<std::string_view, 4> subresources = {"exec", "attach", "portforward", "proxy"};
  return in(subresources, subresource);
}

// What watches over a cluster or restrains it; removing or changing it hides or permits.
bool guards(std::string_view resource) {
  constexpr std::array<std::string_view, 8> resources = {"events",
                                                         "validatingwebhookconfigurations",
                                                         "mutatingwebhookconfigurations",
                                                         "validatingadmissionpolicies",
                                                         "networkpolicies",
                                                         "validatingadmissionpolicybindings",
                                                         "podsecuritypolicies",
                                                         "resourcequotas"};
  return in(resources, resource);
}

std::string text_at(const dom::element& element, std::string_view member) {
  std::string_view text;
  return element[member].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

}  // namespace

bool decides(const AuditEvent& event) {
  if (event.stage.empty()) return true;  // audit logs rewritten by tools may lack it
  // Whichever of a session's stages comes first: the engine takes the other for a copy.
  if (is_session(event)) return event.stage == "ResponseStarted" || event.stage == "ResponseComplete";
  // A refused one never starts.
  if (event.verb == "watch" && event.response_code < 400) return event.stage == "ResponseStarted";
  return event.stage == "ResponseComplete";
}

bool succeeded(const AuditEvent& event) {
  return event.response_code == 101 || (event.response_code >= 200 && event.response_code < 300);
}

bool unauthenticated(const AuditEvent& event) {
  if (event.user.username == "system:anonymous") return true;
  return std::find(event.user.groups.begin(), event.user.groups.end(), "system:unauthenticated") !=
         event.user.groups.end();
}

bool public_endpoint(const AuditEvent& event) {
  if (!event.object_ref.resource.empty()) {
    // What kubeadm publishes for nodes that want to join.
    return event.object_ref.resource == "configmaps" && event.object_ref.namespace_name == "kube-public" &&
           event.object_ref.name == "cluster-info" && event.verb == "get";
  }
  constexpr std::array<std::string_view, 6> paths = {
      "/healthz", "/livez", "/readyz", "/version", "/.well-known/openid-configuration", "/openid/v1/jwks"};
  const std::string_view path = event.request_uri.substr(0, event.request_uri.find('?'));
  return std::any_of(paths.begin(), paths.end(), [&](std::string_view known) {
    return path.starts_with(known) && (path.size() == known.size() || path[known.size()] == '/');
  });
}

KubernetesTactic tactic_of(const AuditEvent& event) {
  const AuditObject& object = event.object_ref;
  if (object.resource == "secrets" && reads(event.verb)) return KubernetesTactic::credential_access;
  if (object.resource == "serviceaccounts" && object.subresource == "token")
    return KubernetesTactic::credential_access;
  // Before reading: newer clients open a shell with get.
  if (interactive(object.subresource)) return KubernetesTactic::impact;
  if (reads(event.verb)) return KubernetesTactic::discovery;
  // "May I?", "who am I?": written to be answered, nothing is kept.
  if (object.resource.ends_with("reviews")) return KubernetesTactic::discovery;
  if (guards(object.resource) && event.verb != "create") return KubernetesTactic::defense_evasion;
  if (deletes(event.verb) || object.subresource == "eviction" || object.subresource == "scale")
    return KubernetesTactic::impact;
  // What is made or rewritten stays: workloads, accounts, roles and their bindings, certificates, services.
  return KubernetesTactic::persistence;
}

std::string request_text(const AuditEvent& event) {
  const AuditObject& object = event.object_ref;
  // Events rewritten by tools may lack the verb.
  std::string text(event.verb);
  if (!text.empty()) text += ' ';
  if (object.resource.empty()) return text + std::string(event.request_uri);
  text += object.resource;
  if (!object.subresource.empty()) (text += '/') += object.subresource;
  if (object.namespace_name.empty() && object.name.empty()) return text;
  text += ' ';
  text += object.namespace_name;
  if (!object.name.empty()) {
    if (!object.namespace_name.empty()) text += '/';
    text += object.name;
  }
  return text;
}

RoleBinding role_binding_of(const AuditEvent& event) {
  RoleBinding binding;
  for (const RawJson* source : {&event.response_object, &event.request_object}) {
    const JsonDocument document = source->parse();
    const auto role = document.at("roleRef");
    const auto subjects = document.at("subjects");
    dom::array list;
    if (!role || !subjects || subjects->get(list) != simdjson::SUCCESS) continue;
    binding.role_kind = text_at(*role, "kind");
    binding.role_name = text_at(*role, "name");
    for (const dom::element subject : list) {
      binding.subjects.push_back(
          {text_at(subject, "kind"), text_at(subject, "name"), text_at(subject, "namespace")});
    }
    break;
  }
  return binding;
}

std::string text_of(const RoleBinding::Subject& subject) {
  std::string text = subject.kind + " ";
  if (!subject.namespace_name.empty()) text += subject.namespace_name + "/";
  return text + subject.name;
}

}  // namespace picket::detectors
