#include "detectors/backdoor/denial_of_service.h"

#include <algorithm>

#include "detectors/network_thresholds.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

using namespace threshold;

constexpr std::uint8_t tcp_protocol = 6, udp_protocol = 17;
constexpr std::uint16_t dns_port = 53, https_port = 443;

// Services of TCP alone (IANA; 443 is QUIC's too and has a rule of its own): a datagram has no business
// there.
constexpr std::array<std::uint16_t, 16> tcp_ports = {20,  21,  22,   23,   25,   80,   110,  143,
                                                     445, 993, 1433, 3306, 3389, 5432, 6379, 8080};

// Tunnels, whose halves may take different ways: IPv6 in IPv4, ESP, AH. Of GRE the other side is heard at
// least now and then.
constexpr std::array<std::uint8_t, 3> tunnel_protocols = {41, 50, 51};
constexpr std::uint8_t gre_protocol = 47;

Flood::Kind kind_of(const FlowRecord& flow) {
  if (flow.protocol == tcp_protocol) return Flood::tcp;
  if (flow.protocol == udp_protocol) {
    if (flow.dstport == dns_port) return Flood::dns;
    if (flow.dstport == https_port) return Flood::udp_443;
    const bool of_tcp = std::find(tcp_ports.begin(), tcp_ports.end(), flow.dstport) != tcp_ports.end();
    return of_tcp ? Flood::udp_on_tcp_ports : Flood::udp;
  }
  if (flow.protocol == gre_protocol) return Flood::gre;
  const bool tunnel =
      std::find(tunnel_protocols.begin(), tunnel_protocols.end(), flow.protocol) != tunnel_protocols.end();
  return tunnel ? Flood::kinds : Flood::unusual_protocol;
}

std::size_t protocol_index(std::uint8_t protocol) {
  return protocol == tcp_protocol ? 0 : protocol == udp_protocol ? 1 : 2;
}

// Packets of `flow` per second, at least `rate`; a record of no length is one second.
bool as_fast_as(const FlowRecord& flow, std::uint64_t rate) {
  const std::int64_t seconds = std::max<std::int64_t>(1, flow.end - flow.start);
  return flow.packets >= rate * static_cast<std::uint64_t>(seconds);
}

bool is_bulk(const FlowRecord& flow) {
  return flow.packets >= answer_packets_min && as_fast_as(flow, answer_rate_min);
}

bool without_data(const FlowRecord& flow) { return flow.bytes <= flow.packets * probe_packet_bytes_max; }

bool to_service(const FlowRecord& flow) { return flow.dstport < flow.srcport; }

// A packet or two of a fresh socket: a SYN without data, a lone query or its answer.
bool fresh(const FlowRecord& flow) {
  if (flow.packets > fresh_packets_max || flow.action == FlowAction::reject) return false;
  if (flow.protocol == tcp_protocol) return to_service(flow) && without_data(flow);
  return flow.protocol == udp_protocol && (flow.dstport == dns_port || flow.srcport == dns_port);
}

// More SYNs of one port, as a flood has that goes around all of them within a record's time; and the other
// half of what looks like that, for it may be a conversation.
bool around_the_ports(const FlowRecord& flow) {
  return flow.protocol == tcp_protocol && flow.packets > fresh_packets_max &&
         flow.action != FlowAction::reject && !is_bulk(flow) && (!to_service(flow) || without_data(flow));
}

// The other half of what starts here may be in the next window or the last one.
bool at_an_edge(const FlowRecord& flow) {
  const TimeMs within = ((flow.start_ms() % flood_span) + flood_span) % flood_span;
  return within < halves_apart_max || within >= flood_span - halves_apart_max;
}

// One in `share`, by the client's port, so that both halves of a conversation are in or out together.
bool sampled(const FlowRecord& flow, std::uint64_t share) {
  return (std::max(flow.srcport, flow.dstport) >> 1U) % share == 0;
}

// How many records like it this one stands for; 0: it is left to those.
std::uint64_t weight_of(const FlowRecord& flow) {
  static_assert(around_share % fresh_share == 0);
  const bool one_of_few = sampled(flow, fresh_share);
  if (one_of_few && fresh(flow)) return fresh_share;
  if (one_of_few && sampled(flow, around_share) && around_the_ports(flow)) return around_share;
  return is_bulk(flow) || flow.protocol == gre_protocol ? 1 : 0;
}

constexpr std::array<std::string_view, Flood::kinds> names = {"DNS queries",
                                                              "TCP packets without data",
                                                              "UDP datagrams",
                                                              "UDP datagrams to a TCP service",
                                                              "UDP datagrams to port 443",
                                                              "packets of neither TCP nor UDP",
                                                              "GRE packets"};
// Types below; datagrams to 443 are those of TCP services.
constexpr std::array<std::size_t, Flood::kinds> types = {0, 1, 2, 3, 3, 4, 4};

}  // namespace

bool Flood::select(const FlowRecord& flow) {
  return weight_of(flow) > 0 && (flow.srcaddr.is_public() || flow.dstaddr.is_public());
}

std::uint64_t Flood::entity(const FlowRecord& flow) {
  return FlowPair::entity(flow, std::min(flow.srcaddr, flow.dstaddr), std::max(flow.srcaddr, flow.dstaddr));
}

void Flood::add(const FlowRecord& flow, const ProofRecord& record) {
  pair_.add(flow, record);
  Side& side = sides_[flow.dstaddr < flow.srcaddr ? 1 : 0];
  const std::uint64_t weight = weight_of(flow);
  const bool lone = weight == fresh_share;
  const std::uint64_t packets = flow.packets * weight;
  side.all[protocol_index(flow.protocol)] += packets;
  const Kind kind = kind_of(flow);
  if (kind == kinds || flow.action == FlowAction::reject) return;
  if (!lone && at_an_edge(flow)) return;
  if (kind == tcp) {
    // Without data and without an answer there is no rate below which it were something else.
    if (without_data(flow) && (to_service(flow) || as_fast_as(flow, flood_rate_min)))
      side.flood[tcp] += packets;
  } else if (lone || as_fast_as(flow, flood_rate_min)) {
    side.flood[kind] += packets;
  } else if (kind == udp) {
    side.slow_udp += packets;
  }
}

void Flood::merge(const Flood& other) {
  pair_.merge(other.pair_);
  for (std::size_t s = 0; s < sides_.size(); ++s) {
    for (std::size_t k = 0; k < kinds; ++k) sides_[s].flood[k] += other.sides_[s].flood[k];
    sides_[s].slow_udp += other.sides_[s].slow_udp;
    for (std::size_t p = 0; p < sides_[s].all.size(); ++p) sides_[s].all[p] += other.sides_[s].all[p];
  }
}

void Flood::judge(const Judging& judging, Emit& emit) const {
  const auto counted = [](const Side& side) {
    auto flood = side.flood;
    // Many ports together make the rate that none of them has.
    if (flood[udp] + side.slow_udp >= flood_rate_min * (flood_span / second_ms)) flood[udp] += side.slow_udp;
    return flood;
  };
  if (std::max(std::ranges::max(counted(sides_[0])), std::ranges::max(counted(sides_[1]))) <
      flood_packets_min)
    return;
  const auto local = pair_.local(judging);
  if (!local) return;
  const IpAddress& remote = *local == pair_.source() ? pair_.destination() : pair_.source();
  if (!remote.is_public()) return;
  const std::size_t ours = remote < *local ? 1 : 0;
  const Side &sent = sides_[ours], &received = sides_[1 - ours];
  const auto flood = counted(sent);
  const auto most = std::ranges::max_element(flood);
  if (*most < flood_packets_min) return;
  const auto kind = static_cast<Kind>(most - flood.begin());
  const std::size_t protocol = kind == tcp ? 0 : kind >= unusual_protocol ? 2 : 1;
  const double answers =
      static_cast<double>(received.all[protocol]) / static_cast<double>(sent.all[protocol]);
  if (kind == udp_443 || kind == gre ? answers > 0 : answers > flood_answers_max) return;
  Evidence evidence{{"kind", std::string(names[kind])},
                    {"packets_sent", std::to_string(*most)},
                    {"packets_received", std::to_string(received.all[protocol])}};
  emit.detection(std::move(evidence).as(types[kind]), pair_.subject(*local, Direction::outbound),
                 pair_.records(), pair_.first(), pair_.last());
}

namespace {

constexpr std::string_view title = "{host} floods {remote_ip}.";
constexpr std::string_view description =
    "{host} sent {packets_sent} {kind} to {remote_ip} within ten minutes and got {packets_received} packets "
    "back.";
constexpr Mitre flood_mitre = {"TA0040", "T1498"};  // Impact: Network Denial of Service

constexpr FindingType flood_type(std::string_view name) {
  return {.name = name,
          .severity = Severity::high,
          .mitre = flood_mitre,
          .resource = std::nullopt,
          .role = ResourceRole::actor,
          .title = title,
          .description = description};
}

}  // namespace

extern const Detector denial_of_service = {
    .types = {flood_type("Backdoor:EC2/DenialOfService.Dns"), flood_type("Backdoor:EC2/DenialOfService.Tcp"),
              flood_type("Backdoor:EC2/DenialOfService.Udp"),
              flood_type("Backdoor:EC2/DenialOfService.UdpOnTcpPorts"),
              flood_type("Backdoor:EC2/DenialOfService.UnusualProtocol")},
    .summary =
        "An instance sent a public address tens of thousands of packets in ten minutes, and hardly any came "
        "back.",
    .when = {flows()},
    .issue = {key::host, key::remote_ip},
    .logic = window<Flood>(
        {.span = flood_span, .reason = "One aggregation interval of a flow log at its longest."}),
    .blind_spots =
        "UDP floods below 500 packets a second, GRE where the other side says anything, UDP floods with a "
        "fresh port for each few datagrams other than DNS, TCP floods below 50 packets a second, "
        "floods of complete connections, and those spread over many targets.",
    .version = 2,
};

}  // namespace picket::detectors
