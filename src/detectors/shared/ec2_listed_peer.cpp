#include "detectors/shared/ec2_listed_peer.h"

#include <algorithm>
#include <array>

#include "detectors/shared/intel_hits.h"
#include "detectors/shared/listed_types.h"
#include "engine/subject.h"

namespace picket::detectors {

extern const Detector ec2_listed_peer;

namespace {

constexpr std::uint8_t tcp = 6, udp = 17;

// Where relays listen: ORPort and DirPort of Tor's manual. A relay visiting a web server is somebody
// browsing.
constexpr std::array<std::uint16_t, 2> relay_ports = {9001, 9030};

}  // namespace

void place_on_lambda(Detection& detection, const Facts& facts, const Detector& detector) {
  Subject& subject = detection.subject;
  const auto interface = facts.interface(subject.instance->interface_id, detection.last.time);
  if (!interface || interface->type != "lambda") return;
  const auto row = std::ranges::find(listed_types(), detector.types[detection.type].name, &ListedType::type);
  const auto index = type_index(detector, row->lambda_type);
  if (!index) return;
  detection.type = static_cast<std::uint8_t>(*index);
  subject.resource = ResourceKind::lambda;
  subject.lambda = LambdaSubject{interface->function_name};
}

void add_peer(Evidence& evidence, const IntelHit& hit, const FlowRecord& flow) {
  if (hit.entry.find('/') != std::string_view::npos) {
    evidence.add("listed_range", "the whole range is listed, not this address");
    evidence.at_most(Severity::medium);
  }
  add_hit(evidence, hit, flow.start_ms());
}

namespace {

std::optional<Evidence> contacted(const FlowRecord& flow, const Context& context) {
  // Only the half the instance sends: what arrives from a listed address is its scanning, and what was
  // answered has an outward half. Private addresses in a list have no effect.
  if (context.listed_is_source || !flow.dstaddr.is_public()) return std::nullopt;
  if (flow.protocol != tcp && flow.protocol != udp) return std::nullopt;
  const auto opened = opened_by_source(flow);
  // Unanswered attempts count when it is certain who tried.
  const bool reached = opened ? *opened : exchanged(flow);
  const bool serves_relays =
      std::find(relay_ports.begin(), relay_ports.end(), flow.srcport) != relay_ports.end();
  if (!reached && !(serves_relays && exchanged(flow))) return std::nullopt;
  for (const ListedType& row : listed_types()) {
    if (row.as != (reached ? ListedAs::peer : ListedAs::relay)) continue;
    const auto type = type_index(ec2_listed_peer, row.type);
    const IntelHit* hit = type ? best_hit(context.hits, {row.category}, flow.start_ms()) : nullptr;
    if (hit == nullptr) continue;
    Evidence evidence{{"remote_port", std::to_string(flow.dstport)},
                      {"opened_by", !opened   ? "unknown"
                                    : *opened ? "instance"
                                              : "remote"}};
    if (flow.action == FlowAction::reject) evidence.add("blocked", "by a security group or network ACL");
    add_peer(evidence, *hit, flow);
    // One Tor client talks to several entry nodes, a relay to thousands of relays.
    evidence.add("peer",
                 row.category == IntelCategory::tor_relay ? "the Tor network" : flow.dstaddr.to_string());
    return std::move(evidence).as(*type);
  }
  return std::nullopt;
}

}  // namespace

extern const Detector ec2_listed_peer = {
    .types = {{.name = "Backdoor:EC2/C&CActivity.B",
               .severity = Severity::high,
               .mitre = {"TA0011", "T1071"},  // Command and Control: Application Layer Protocol
               .title = "{host} talks to the command and control server {remote_ip}.",
               .description =
                   "{host} sent traffic to port {remote_port} of {remote_ip}, a command and control server "
                   "of threat list {threat_list}."},
              {.name = "CryptoCurrency:EC2/BitcoinTool.B",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1496"},  // Impact: Resource Hijacking
               .title = "{host} talks to {remote_ip}, which serves cryptocurrency mining.",
               .description = "{host} sent traffic to port {remote_port} of {remote_ip}, which threat list "
                              "{threat_list} knows for cryptocurrency mining."},
              {.name = "UnauthorizedAccess:EC2/TorClient",
               .severity = Severity::high,
               .mitre = {"TA0011", "T1090.003"},  // Command and Control: Multi-hop Proxy
               .title = "{host} connects to the Tor network as a client.",
               .description =
                   "{host} opened a connection to port {remote_port} of {remote_ip}, an entry node of the "
                   "Tor network."},
              {.name = "UnauthorizedAccess:EC2/TorRelay",
               .severity = Severity::high,
               .mitre = {"TA0011", "T1090.003"},
               .title = "{host} serves the Tor network as a relay.",
               .description =
                   "{host} answered the Tor relay {remote_ip} on port {local_port}, where relays listen."},
              {.name = "Trojan:EC2/BlackholeTraffic",
               .severity = Severity::medium,
               .mitre = {"TA0011", "T1071"},
               .title = "{host} tries to reach the sinkhole {remote_ip}.",
               .description =
                   "{host} sent traffic to {remote_ip}, where the traffic of known malware is led; "
                   "threat list {threat_list}."},
              {.name = "Trojan:EC2/DropPoint",
               .severity = Severity::medium,
               .mitre = {"TA0010", "T1041"},  // Exfiltration: over C2 Channel
               .title = "{host} tries to reach {remote_ip}, which collects stolen data.",
               .description = "{host} sent traffic to port {remote_port} of {remote_ip}, which threat list "
                              "{threat_list} knows as a drop point of stolen data."},
              {.name = "Backdoor:Lambda/C&CActivity.B",
               .severity = Severity::high,
               .mitre = {"TA0011", "T1071"},
               .resource = ResourceKind::lambda,
               .title = "Lambda function {host} talks to the command and control server {remote_ip}.",
               .description = "Lambda function {host} sent traffic to port {remote_port} of {remote_ip}, a "
                              "command and control server of threat list {threat_list}."},
              {.name = "CryptoCurrency:Lambda/BitcoinTool.B",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1496"},
               .resource = ResourceKind::lambda,
               .title = "Lambda function {host} talks to {remote_ip}, which serves cryptocurrency mining.",
               .description = "Lambda function {host} sent traffic to port {remote_port} of {remote_ip}, "
                              "which threat list {threat_list} knows for cryptocurrency mining."},
              {.name = "UnauthorizedAccess:Lambda/TorClient",
               .severity = Severity::high,
               .mitre = {"TA0011", "T1090.003"},
               .resource = ResourceKind::lambda,
               .title = "Lambda function {host} connects to the Tor network as a client.",
               .description = "Lambda function {host} opened a connection to port {remote_port} of "
                              "{remote_ip}, an entry node of the Tor network."},
              {.name = "UnauthorizedAccess:Lambda/TorRelay",
               .severity = Severity::high,
               .mitre = {"TA0011", "T1090.003"},
               .resource = ResourceKind::lambda,
               .title = "Lambda function {host} serves the Tor network as a relay.",
               .description = "Lambda function {host} answered the Tor relay {remote_ip} on port "
                              "{local_port}, where relays listen."},
              {.name = "Trojan:Lambda/BlackholeTraffic",
               .severity = Severity::medium,
               .mitre = {"TA0011", "T1071"},
               .resource = ResourceKind::lambda,
               .title = "Lambda function {host} tries to reach the sinkhole {remote_ip}.",
               .description = "Lambda function {host} sent traffic to {remote_ip}, where the traffic of "
                              "known malware is led; threat list {threat_list}."},
              {.name = "Trojan:Lambda/DropPoint",
               .severity = Severity::medium,
               .mitre = {"TA0010", "T1041"},
               .resource = ResourceKind::lambda,
               .title = "Lambda function {host} tries to reach {remote_ip}, which collects stolen data.",
               .description = "Lambda function {host} sent traffic to port {remote_port} of {remote_ip}, "
                              "which threat list {threat_list} knows as a drop point of stolen data."}},
    .summary =
        "An instance or Lambda function reached for an address known for command and control, mining, Tor, "
        "stolen data, or as a "
        "sinkhole.",
    .when = {listed_peer({"c2", "mining", "drop_point", "sinkhole", "tor_relay"})},
    .issue = {key::host, key::evidence("peer")},
    .logic = each(contacted),
    .with_facts =
        [](Detection& detection, const Facts& facts) {
          place_on_lambda(detection, facts, ec2_listed_peer);
          return true;
        },
    .blind_spots =
        "Addresses no loaded list knows; connections of which the log tells neither who began nor that "
        "data went across; Tor relays on other ports than 9001 and 9030; functions outside a VPC have no "
        "flow logs, and functions that share an interface are told by the first one's name.",
};

}  // namespace picket::detectors
