// Which field stands in which column of a flow log, from its header line, the configured format or,
// without either, AWS's default format (version 2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace picket {

// AWS's fields of VPC flow logs up to version 10; `ignored` is a column we have no use for or do not know.
enum class FlowField : std::uint8_t {
  version,
  account_id,
  interface_id,
  srcaddr,
  dstaddr,
  srcport,
  dstport,
  protocol,
  packets,
  bytes,
  start,
  end,
  action,
  log_status,
  vpc_id,
  subnet_id,
  instance_id,
  tcp_flags,
  type,
  pkt_srcaddr,
  pkt_dstaddr,
  region,
  az_id,
  sublocation_type,
  sublocation_id,
  pkt_src_aws_service,
  pkt_dst_aws_service,
  flow_direction,
  traffic_path,
  ecs_cluster_arn,
  ecs_cluster_name,
  ecs_container_instance_arn,
  ecs_container_instance_id,
  ecs_container_id,
  ecs_second_container_id,
  ecs_service_name,
  ecs_task_definition_arn,
  ecs_task_arn,
  ecs_task_id,
  reject_reason,
  resource_id,
  encryption_status,
  resource_type,
  ignored,
};

struct FlowLayout {
  std::vector<FlowField> columns;
  bool is_default = false;       // exactly the 14 columns of version 2
  bool has_extras = false;       // a column that belongs in FlowExtras
  bool transit_gateway = false;  // a transit gateway's own columns: its records are no interface's
  bool has_log_status = false;
  // Names of columns without which a record cannot be judged ("srcaddr, dstaddr"); empty when usable.
  std::string missing;
};

constexpr std::size_t flow_columns_max = 128;  // AWS documents 42 fields, and 35 of transit gateways

const FlowLayout& default_flow_layout();

// From names separated by blanks, with - or _, also as "${srcaddr} ${dstaddr}". Absent when the text is no
// list of flow log fields: at least half of the names, and one, must be known.
std::optional<FlowLayout> flow_layout_from(std::string_view names);

}  // namespace picket
