#include "detectors/impact/port_sweep.h"

#include <algorithm>
#include <array>
#include <utility>

#include "detectors/network_thresholds.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

using namespace threshold;

constexpr std::uint8_t tcp = 6;
constexpr unsigned syn = 2;

// Services that worms and botnets spread by (FTP, SSH, Telnet, RPC, SMB, SQL Server, Docker, RDP, ADB, VNC,
// WinRM, Redis, CWMP, RouterOS). Honest clients talk to few hosts' at a time.
constexpr std::array<std::uint16_t, 17> worm_ports = {21,   22,   23,   135,  139,  445,  1433, 2323, 2375,
                                                      3389, 5555, 5900, 5985, 6379, 7547, 8291, 26};

// Nothing but SYNs: flags tell, else the length of SYNs that no other bare packet has. A raw SYN (masscan,
// Mirai) is as long as a reset, 40, and one of Windows as long as an acknowledgement of Linux, 52: taken for
// one where those to many hosts have no other source.
bool only_syns(const FlowRecord& flow) {
  if (flow.more != nullptr && flow.more->tcp_flags) return *flow.more->tcp_flags == syn;
  if (flow.bytes == flow.packets * bare_packet_bytes || flow.bytes == flow.packets * windows_syn_bytes)
    return std::find(worm_ports.begin(), worm_ports.end(), flow.dstport) != worm_ports.end();
  return flow.bytes == flow.packets * 60 || flow.bytes == flow.packets * 44 ||
         flow.bytes == flow.packets * 48;
}

// Inside, where refusals are everyday, one address in four stands for all: those whose last two bits are 1,
// as looking at every one cost two hundredths of the flow budget.
constexpr std::uint64_t inside_share = 4;

// Between addresses of the network's own, and one of those looked at. What the Internet tries inside is no
// sweep of ours.
bool stays_inside(const FlowRecord& flow) {
  return flow.dstaddr.low() % inside_share == 1 && !flow.srcaddr.is_public() &&
         !flow.dstaddr.is_multicast() && !flow.dstaddr.is_link_local();
}

}  // namespace

bool HostsTried::select(const FlowRecord& flow) {
  if (flow.protocol != tcp || flow.dstport >= client_port_min || flow.dstport >= flow.srcport) return false;
  if (flow.packets > probe_packets_max) return false;
  return (flow.action == FlowAction::reject || only_syns(flow)) &&
         (flow.dstaddr.is_public() || stays_inside(flow));
}

std::uint64_t HostsTried::entity(const FlowRecord& flow) {
  return hash_mix(FlowPair::entity(flow, flow.srcaddr, flow.srcaddr),
                  flow.dstport * 2U + (flow.dstaddr.is_public() ? 0 : 1));
}

void HostsTried::add(const FlowRecord& flow, const ProofRecord& record) {
  pair_.add(flow, record);
  auto at = std::lower_bound(hosts_.begin(), hosts_.end(), flow.dstaddr);
  if (at != hosts_.end() && *at == flow.dstaddr) return;
  // The lowest are kept, so that the order of adding cannot show.
  if (hosts_.size() == sweep_hosts_kept) {
    if (at == hosts_.end()) return;
    hosts_.pop_back();
    at = std::lower_bound(hosts_.begin(), hosts_.end(), flow.dstaddr);
  }
  hosts_.insert(at, flow.dstaddr);
}

void HostsTried::merge(const HostsTried& other) {
  pair_.merge(other.pair_);
  std::vector<IpAddress> all;
  all.reserve(hosts_.size() + other.hosts_.size());
  std::set_union(hosts_.begin(), hosts_.end(), other.hosts_.begin(), other.hosts_.end(),
                 std::back_inserter(all));
  if (all.size() > sweep_hosts_kept) all.resize(sweep_hosts_kept);
  hosts_.assign(all.begin(), all.end());
}

void HostsTried::judge(const Judging& judging, Emit& emit) const {
  const std::uint64_t share = pair_.destination().is_public() ? 1 : inside_share;
  if (hosts_.size() < sweep_hosts_min / share) return;
  const auto local = pair_.local(judging);
  if (!local || *local != pair_.source()) return;
  std::string hosts = (share == 1 ? "" : "about ") + std::to_string(hosts_.size() * share);
  if (hosts_.size() == sweep_hosts_kept) hosts += " or more";
  Evidence evidence{{"hosts", hosts}, {"connection_attempts", std::to_string(pair_.records() * share)}};
  evidence.type = share == 1 ? 0 : 1;
  emit.detection(std::move(evidence), pair_.subject(*local, Direction::outbound), pair_.records(),
                 pair_.first(), pair_.last());
}

extern const Detector port_sweep = {
    .types = {{.name = "Impact:EC2/PortSweep",
               .severity = Severity::high,
               .mitre = {"TA0007", "T1046"},  // Discovery: Network Service Discovery
               .role = ResourceRole::actor,
               .title = "{host} probes port {remote_port} of many addresses.",
               .description = "{host} tried TCP port {remote_port} of {hosts} public addresses within ten "
                              "minutes and hardly any answered."},
              {.name = "Discovery:EC2/InternalPortSweep",
               .severity = Severity::medium,
               .mitre = {"TA0007", "T1046"},  // Discovery: Network Service Discovery
               .role = ResourceRole::actor,
               .origin = Origin::picket,
               .title = "{host} probes port {remote_port} of many addresses inside.",
               .description =
                   "{host} tried TCP port {remote_port} of {hosts} private addresses within ten minutes and "
                   "hardly any answered: an intruder looks for the next machine so, and so do inventory and "
                   "vulnerability scanners."}},
    .summary = "An instance tried one port of many addresses within ten minutes, of the Internet or inside.",
    .when = {flows()},
    .issue = {key::host},  // a sweep of several ports is one
    .logic = window<HostsTried>({.span = scan_span,
                                 .reason = "A sweep of a /24 takes seconds to minutes.",
                                 .records_min = sweep_hosts_min / inside_share}),
    .blind_spots =
        "Sweeps of fewer than 50 addresses in ten minutes or over UDP; without TCP "
        "flags in the log those from Windows or with raw SYNs to ports that worms do not spread by. The "
        "company's own scanners are told too: "
        "suppress them.",
};

}  // namespace picket::detectors
