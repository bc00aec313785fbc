#include "engine/flow_sides.h"

#include "engine/subject.h"

namespace picket {

namespace {

constexpr std::uint8_t udp = 17;
// Linux hands out client ports from here.
constexpr std::uint16_t client_port_min = 32768;
// Handshake and close take three packets; with a fourth, and packets longer than headers, data went across.
constexpr std::uint64_t exchange_packets_min = 4;
constexpr std::uint64_t bare_packet_bytes_max = 60;  // IPv4 20 + TCP 20 + the SYN's options 20

}  // namespace

std::optional<bool> opened_by_source(const FlowRecord& flow) {
  if (const auto initiator = initiator_of(flow)) return *initiator == 0;
  const bool source_client = flow.srcport >= client_port_min,
             destination_client = flow.dstport >= client_port_min;
  if (source_client == destination_client) return std::nullopt;
  return source_client;
}

bool exchanged(const FlowRecord& flow) {
  if (flow.action != FlowAction::accept) return false;
  if (flow.protocol == udp) return flow.packets > 1;
  return flow.packets >= exchange_packets_min && flow.bytes > flow.packets * bare_packet_bytes_max;
}

}  // namespace picket
