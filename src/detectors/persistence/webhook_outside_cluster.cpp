#include <algorithm>
#include <array>

#include "base/ip.h"
#include "detectors/shared/kubernetes_call.h"
#include "detectors/shared/kubernetes_requester.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Of "https://name:port/path", without brackets.
std::string_view host_of(std::string_view url) {
  if (const std::size_t scheme = url.find("://"); scheme != url.npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find('/'));
  if (url.starts_with('[')) return url.substr(1, url.find(']') - 1);
  return url.substr(0, url.find(':'));
}

// A name that means something in the cluster or the organisation's own network only, or an address there:
// EKS's own webhooks are at 127.0.0.1.
bool is_inside(std::string_view host) {
  if (const auto ip = IpAddress::parse(host)) return !ip->is_public();
  constexpr std::array<std::string_view, 6> zones{".svc",      ".cluster.local", ".local",
                                                  ".internal", ".lan",           ".corp"};
  return !host.contains('.') ||
         std::ranges::any_of(zones, [&](std::string_view zone) { return host.ends_with(zone); });
}

// The first host outside that the configuration sends requests to.
std::optional<std::string> outside_host(const JsonDocument& configuration) {
  const auto webhooks = configuration.at("webhooks");
  simdjson::dom::array list;
  if (!webhooks || webhooks->get(list) != simdjson::SUCCESS) return std::nullopt;
  for (const simdjson::dom::element webhook : list) {
    std::string_view url;
    if (webhook.at_pointer("/clientConfig/url").get(url) != simdjson::SUCCESS) continue;
    if (const std::string_view host = host_of(url); !is_inside(host)) return std::string(host);
  }
  return std::nullopt;
}

std::optional<Evidence> sends_objects_away(const AuditEvent& event, const Context&) {
  if (!decides(event) || !succeeded(event) || cluster_machinery(event)) return std::nullopt;
  for (const RawJson* source : {&event.response_object, &event.request_object}) {
    if (const auto host = outside_host(source->parse()))
      return Evidence{{"request", request_text(event)}, {"webhook_host", *host}};
  }
  return std::nullopt;
}

}  // namespace

extern const Detector webhook_outside_cluster = {
    .types = {{.name = "Persistence:Kubernetes/WebhookOutsideCluster",
               .severity = Severity::high,
               .mitre = {"TA0003", "T1546"},  // Event Triggered Execution
               .origin = Origin::picket,
               .title = "{principal} had {cluster} send what is written to it to {webhook_host}.",
               .description =
                   "{principal} registered an admission webhook of {cluster} at {webhook_host} ({request}). "
                   "Whoever runs that host sees every object the webhook asks for, secrets among them, and a "
                   "mutating one may put containers into everybody's pods."}},
    .summary = "An admission webhook was registered at a host outside the cluster.",
    .when = {audit({"create", "update", "patch"},
                   {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"})},
    .issue = {key::cluster, key::kubernetes_user},
    .logic = each(sends_objects_away),
    .blind_spots =
        "A webhook that is a service of the cluster, which may send on what it sees; audit levels that leave "
        "out bodies. False alarms: a policy service that is run elsewhere on purpose.",
};

}  // namespace picket::detectors
