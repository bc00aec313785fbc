#include "detectors/recon/portscan.h"

#include <algorithm>

#include "detectors/network_thresholds.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

using namespace threshold;

constexpr std::uint8_t tcp = 6;
constexpr unsigned syn = 2, syn_ack = 18;

}  // namespace

bool PortsTried::select(const FlowRecord& flow) {
  if (flow.protocol != tcp || flow.dstport >= client_port_min || flow.dstport >= flow.srcport) return false;
  if (flow.action != FlowAction::reject &&
      (flow.packets > probe_packets_max || flow.bytes > flow.packets * probe_packet_bytes_max))
    return false;
  if (flow.more != nullptr && flow.more->tcp_flags) return (*flow.more->tcp_flags & syn_ack) == syn;
  // A scanned host's resets look like a scan of the scanner's client ports, which are never privileged.
  return flow.bytes > flow.packets * bare_packet_bytes || flow.dstport < unprivileged_port_min;
}

std::uint64_t PortsTried::entity(const FlowRecord& flow) {
  return FlowPair::entity(flow, flow.srcaddr, flow.dstaddr);
}

void PortsTried::add(const FlowRecord& flow, const ProofRecord& record) {
  pair_.add(flow, record);
  const auto at = std::lower_bound(ports_.begin(), ports_.end(), flow.dstport);
  if (at != ports_.end() && *at == flow.dstport) return;
  // The lowest are kept, so that the order of adding cannot show.
  if (ports_.size() == scan_ports_kept) {
    if (at == ports_.end()) return;
    ports_.pop_back();
  }
  ports_.insert(std::lower_bound(ports_.begin(), ports_.end(), flow.dstport), flow.dstport);
}

void PortsTried::merge(const PortsTried& other) {
  pair_.merge(other.pair_);
  std::vector<std::uint16_t> all;
  all.reserve(ports_.size() + other.ports_.size());
  std::set_union(ports_.begin(), ports_.end(), other.ports_.begin(), other.ports_.end(),
                 std::back_inserter(all));
  if (all.size() > scan_ports_kept) all.resize(scan_ports_kept);
  ports_.assign(all.begin(), all.end());
}

void PortsTried::judge(const Judging& judging, Emit& emit) const {
  if (ports_.size() < scan_ports_min) return;
  const auto local = pair_.local(judging);
  if (!local || *local != pair_.source()) return;
  std::string ports = std::to_string(ports_.size());
  if (ports_.size() == scan_ports_kept) ports += " or more";
  std::string sample;
  for (std::size_t i = 0; i < scan_ports_shown; ++i) {
    if (i != 0) sample += ", ";
    sample += std::to_string(ports_[i]);
  }
  emit.detection(
      {{"ports", ports}, {"ports_sample", sample}, {"connection_attempts", std::to_string(pair_.records())}},
      pair_.subject(*local, Direction::outbound), pair_.records(), pair_.first(), pair_.last());
}

extern const Detector portscan = {
    .types = {{.name = "Recon:EC2/Portscan",
               .severity = Severity::medium,
               .mitre = {"TA0007", "T1046"},  // Discovery: Network Service Discovery
               .role = ResourceRole::actor,
               .title = "{host} is scanning ports of {remote_ip}.",
               .description =
                   "{host} tried {ports} TCP ports of {remote_ip} within ten minutes, the way a port scanner "
                   "does."}},
    .summary = "An instance tried many ports of one remote host within ten minutes.",
    .when = {flows()},
    .issue = {key::host},
    .logic = window<PortsTried>(
        {.span = scan_span,
         // 400,000 pairs: some 40 minutes of a busy VPC, for windows wait that long for late records.
         .bytes_max = 128U << 20,
         .reason = "A default scan of a host takes seconds to minutes.",
         .records_min = scan_ports_min}),
    .blind_spots =
        "Scans slower than 25 ports in ten minutes, UDP scans, sweeps of one port over many hosts, and "
        "interfaces whose own address the log does not tell.",
};

}  // namespace picket::detectors
