#include <algorithm>
#include <array>
#include <span>

#include "detectors/network_thresholds.h"
#include "detectors/shared/ec2_listed_peer.h"
#include "detectors/shared/intel_hits.h"

namespace picket::detectors {

namespace {

using namespace threshold;

constexpr std::uint8_t tcp = 6, udp = 17;
constexpr unsigned syn_ack = 18;

enum Type : std::size_t { unprotected_port, emr_port };

// Meant to be public: GuardDuty never raises these.
constexpr std::array<std::uint16_t, 2> web_ports = {80, 443};
// Elasticsearch; GuardDuty calls probes of these two high.
constexpr std::array<std::uint16_t, 2> search_ports = {9200, 9300};
// Web interfaces of an EMR cluster (EMR's management guide): YARN 8042, 8088, 19888; HDFS 9864, 9870 (before
// release 6: 50070, 50075); Spark 18080, 20888; HBase 16010; Hue 8888; Zeppelin 8890; JupyterHub 9443.
constexpr std::array<std::uint16_t, 13> emr_ports = {8042,  8088,  8888,  8890,  9443,  9864, 9870,
                                                     16010, 18080, 19888, 20888, 50070, 50075};

bool one_of(std::span<const std::uint16_t> ports, std::uint16_t port) {
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

// Something listens: a reset is a bare header, what accepts a connection sends options or data.
bool serves(const FlowRecord& flow) {
  if (flow.action != FlowAction::accept) return false;
  if (flow.protocol == udp) return true;
  if (flow.protocol != tcp) return false;
  if (flow.more != nullptr && flow.more->tcp_flags) return (*flow.more->tcp_flags & syn_ack) == syn_ack;
  return flow.bytes > flow.packets * bare_packet_bytes;
}

// The instance's half of the probe: that it answers shows that neither security group, network ACL nor host
// firewall keeps the scanner out.
std::optional<Evidence> answered_scanner(const FlowRecord& flow, const Context& context) {
  if (context.listed_is_source || !flow.dstaddr.is_public()) return std::nullopt;
  if (one_of(web_ports, flow.srcport) || !serves(flow)) return std::nullopt;
  if (opened_by_source(flow).value_or(true)) return std::nullopt;
  const IntelHit* hit = best_hit(context.hits, {IntelCategory::scanner}, flow.start_ms());
  if (hit == nullptr) return std::nullopt;
  Evidence evidence{{"local_port", std::to_string(flow.srcport)}};
  add_hit(evidence, *hit, flow.start_ms());
  if (!hit->indicator->threat.empty()) evidence.add("scanner", hit->indicator->threat);
  return one_of(search_ports, flow.srcport) ? std::move(evidence).with(Severity::high) : std::move(evidence);
}

bool look_at_owner(Detection& detection, const Facts& facts) {
  const InstanceSubject& host = *detection.subject.instance;
  const NetworkConnection& connection = *detection.subject.connection;
  const TimeMs at = detection.last.time;
  if (const auto rule = facts.opened_by(host.interface_id, connection.protocol, connection.local_port,
                                        *detection.subject.remote_ip, at)) {
    detection.evidence.emplace_back("opened_by", rule->group_id + " allows " + rule->rule);
  }
  if (!one_of(emr_ports, connection.local_port)) return true;
  std::string instance = host.instance_id;
  if (const auto interface = facts.interface(host.interface_id, at); interface && instance.empty())
    instance = interface->instance_id;
  const auto cluster = facts.emr_cluster_of(instance, at);
  if (!cluster) return true;
  detection.evidence.emplace_back("emr_cluster", *cluster);
  detection.type = emr_port;
  detection.severity = number_of(Severity::high);
  return true;
}

}  // namespace

extern const Detector port_probe = {
    .types = {{.name = "Recon:EC2/PortProbeUnprotectedPort",
               .severity = Severity::low,
               .mitre = {"TA0043", "T1595.002"},  // Reconnaissance: Vulnerability Scanning
               .action = ActionKind::port_probe,
               .title = "A known scanner probes the open port {local_port} of {host}.",
               .description = "{remote_ip}, a known scanner, probed port {local_port} of {host}, and the "
                              "instance answered: nothing keeps the Internet from this port."},
              {.name = "Recon:EC2/PortProbeEMRUnprotectedPort",
               .severity = Severity::high,
               .mitre = {"TA0043", "T1595.002"},
               .action = ActionKind::port_probe,
               .title = "A known scanner probes the open EMR port {local_port} of {host}.",
               .description =
                   "{remote_ip}, a known scanner, probed port {local_port} of {host}, a web interface of EMR "
                   "cluster {emr_cluster}, and the instance answered: nothing keeps the Internet from it."}},
    .summary = "A known scanner got an answer from a port of an instance that nothing protects.",
    .when = {listed_peer({"scanner"})},
    .issue = {key::host, key::local_port},
    .logic = each(answered_scanner),
    .with_facts = look_at_owner,
    .blind_spots =
        "Scanners no loaded list knows; probes of which the log does not tell who began (both ports between "
        "1024 and 32767, without TCP flags); EMR membership is known from the cluster's tags on its "
        "instances.",
};

}  // namespace picket::detectors
