// One VPC flow log record. Names are AWS's field names with _ for -. The fields of the default
// format (version 2) are members; those of versions 3 to 10 are in `more`, absent when the log's
// format has none of them. Text points into the decoder's buffer.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ip.h"
#include "base/time.h"

namespace picket {

enum class FlowAction : std::uint8_t { accept, reject, unknown };

// Fields beyond version 2. Absent ("-" or not in the format): empty text, nullopt.
struct FlowExtras {
  std::string_view vpc_id, subnet_id, instance_id, type, region, az_id, sublocation_type, sublocation_id;
  std::string_view pkt_src_aws_service, pkt_dst_aws_service, reject_reason;
  std::string_view resource_id, ecs_cluster_arn, ecs_cluster_name, ecs_container_instance_arn,
      ecs_container_instance_id;
  std::string_view ecs_container_id, ecs_second_container_id, ecs_service_name, ecs_task_definition_arn,
      ecs_task_arn;
  std::string_view ecs_task_id, encryption_status;
  std::optional<IpAddress> pkt_srcaddr, pkt_dstaddr;
  std::optional<std::uint8_t> tcp_flags;     // OR of the flags seen: FIN 1, SYN 2, RST 4, SYN-ACK 18
  std::optional<std::uint8_t> traffic_path;  // 1-8, egress only
  bool has_flow_direction = false;
  bool egress = false;  // flow-direction, meaningful when has_flow_direction
};

struct FlowRecord {
  IpAddress srcaddr, dstaddr;
  std::uint64_t packets = 0, bytes = 0;
  std::int64_t start = 0, end = 0;  // Unix seconds: first packet; end of the aggregation interval
  std::uint16_t srcport = 0, dstport = 0;
  std::uint8_t protocol = 0;  // IANA number
  FlowAction action = FlowAction::unknown;
  std::string_view account_id, interface_id;
  const FlowExtras* more = nullptr;
  std::uint64_t position = 0;  // line number in the object, the header line being 1

  TimeMs start_ms() const { return start * second_ms; }
  TimeMs end_ms() const { return end * second_ms; }
};

}  // namespace picket
