#include "detectors/impact/port_sweep.h"

#include <algorithm>

#include "detectors/network_thresholds.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

using namespace threshold;

constexpr std::uint8_t tcp = 6;
constexpr unsigned syn = 2;

// Nothing but SYNs: flags tell, else the length of SYNs that no other bare packet has. (Windows' SYN is as
// long as an acknowledgement of Linux, 52, and a raw one as a reset, 40: those are told by flags only.)
bool only_syns(const FlowRecord& flow) {
  if (flow.more != nullptr && flow.more->tcp_flags) return *flow.more->tcp_flags == syn;
  return flow.bytes == flow.packets * 60 || flow.bytes == flow.packets * 44 ||
         flow.bytes == flow.packets * 48;
}

}  // namespace

bool HostsTried::select(const FlowRecord& flow) {
  if (flow.protocol != tcp || flow.dstport >= client_port_min || flow.dstport >= flow.srcport) return false;
  if (flow.packets > probe_packets_max) return false;
  return (flow.action == FlowAction::reject || only_syns(flow)) && flow.dstaddr.is_public();
}

std::uint64_t HostsTried::entity(const FlowRecord& flow) {
  return hash_mix(FlowPair::entity(flow, flow.srcaddr, flow.srcaddr), flow.dstport);
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
  if (hosts_.size() < sweep_hosts_min) return;
  const auto local = pair_.local(judging);
  if (!local || *local != pair_.source()) return;
  std::string hosts = std::to_string(hosts_.size());
  if (hosts_.size() == sweep_hosts_kept) hosts += " or more";
  emit.detection({{"hosts", hosts}, {"connection_attempts", std::to_string(pair_.records())}},
                 pair_.subject(*local, Direction::outbound), pair_.records(), pair_.first(), pair_.last());
}

extern const Detector port_sweep = {
    .types = {{.name = "Impact:EC2/PortSweep",
               .severity = Severity::high,
               .mitre = {"TA0007", "T1046"},  // Discovery: Network Service Discovery
               .role = ResourceRole::actor,
               .title = "{host} probes port {remote_port} of many addresses.",
               .description = "{host} tried TCP port {remote_port} of {hosts} public addresses within ten "
                              "minutes and hardly any answered."}},
    .summary = "An instance tried one port of many public addresses within ten minutes.",
    .when = {flows()},
    .issue = {key::host, key::remote_port},
    .logic = window<HostsTried>({.span = scan_span,
                                 .reason = "A sweep of a /24 takes seconds to minutes.",
                                 .records_min = sweep_hosts_min}),
    .blind_spots =
        "Sweeps of fewer than 50 addresses in ten minutes, of private addresses or over UDP; without TCP "
        "flags in the log those from Windows and with raw SYNs.",
};

}  // namespace picket::detectors
