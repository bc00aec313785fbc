#include "decode/flow_layout.h"

#include <algorithm>
#include <array>
#include <utility>

namespace picket {

namespace {

using enum FlowField;

constexpr auto known_fields = std::to_array<std::pair<std::string_view, FlowField>>({
    {"version", version},
    {"account-id", account_id},
    {"interface-id", interface_id},
    {"srcaddr", srcaddr},
    {"dstaddr", dstaddr},
    {"srcport", srcport},
    {"dstport", dstport},
    {"protocol", protocol},
    {"packets", packets},
    {"bytes", bytes},
    {"start", start},
    {"end", end},
    {"action", action},
    {"log-status", log_status},
    {"vpc-id", vpc_id},
    {"subnet-id", subnet_id},
    {"instance-id", instance_id},
    {"tcp-flags", tcp_flags},
    {"type", type},
    {"pkt-srcaddr", pkt_srcaddr},
    {"pkt-dstaddr", pkt_dstaddr},
    {"region", region},
    {"az-id", az_id},
    {"sublocation-type", sublocation_type},
    {"sublocation-id", sublocation_id},
    {"pkt-src-aws-service", pkt_src_aws_service},
    {"pkt-dst-aws-service", pkt_dst_aws_service},
    {"flow-direction", flow_direction},
    {"traffic-path", traffic_path},
    {"ecs-cluster-arn", ecs_cluster_arn},
    {"ecs-cluster-name", ecs_cluster_name},
    {"ecs-container-instance-arn", ecs_container_instance_arn},
    {"ecs-container-instance-id", ecs_container_instance_id},
    {"ecs-container-id", ecs_container_id},
    {"ecs-second-container-id", ecs_second_container_id},
    {"ecs-service-name", ecs_service_name},
    {"ecs-task-definition-arn", ecs_task_definition_arn},
    {"ecs-task-arn", ecs_task_arn},
    {"ecs-task-id", ecs_task_id},
    {"reject-reason", reject_reason},
    {"resource-id", resource_id},
    {"encryption-status", encryption_status},
    {"resource-type", resource_type},
});

constexpr auto default_columns =
    std::to_array<FlowField>({version, account_id, interface_id, srcaddr, dstaddr, srcport, dstport, protocol,
                              packets, bytes, start, end, action, log_status});

bool is_name(std::string_view token) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !token.empty() && letter(token.front()) && std::ranges::all_of(token, [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// Lower case with hyphens, the spelling of AWS's text format.
std::string canonical(std::string_view token) {
  std::string name(token);
  for (char& c : name) {
    if (c == '_') c = '-';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

bool is_transit_gateway_field(std::string_view name) {
  return name.starts_with("tgw-") || name.starts_with("packets-lost-");
}

void finish(FlowLayout& layout) {
  const auto has = [&](FlowField field) {
    return std::ranges::find(layout.columns, field) != layout.columns.end();
  };
  layout.is_default = std::ranges::equal(layout.columns, default_columns);
  layout.has_extras = std::ranges::any_of(
      layout.columns, [](FlowField field) { return field > log_status && field < resource_type; });
  layout.has_log_status = has(log_status);
  const auto need = [&](bool present, std::string_view name) {
    if (present) return;
    if (!layout.missing.empty()) layout.missing += ", ";
    layout.missing += name;
  };
  need(has(srcaddr) || has(pkt_srcaddr), "srcaddr");
  need(has(dstaddr) || has(pkt_dstaddr), "dstaddr");
  need(has(start) || has(end), "start");
}

}  // namespace

const FlowLayout& default_flow_layout() {
  static const FlowLayout layout = [] {
    FlowLayout made;
    made.columns.assign(default_columns.begin(), default_columns.end());
    finish(made);
    return made;
  }();
  return layout;
}

std::optional<FlowLayout> flow_layout_from(std::string_view names) {
  FlowLayout layout;
  std::size_t known = 0;
  while (!names.empty()) {
    const std::size_t from = names.find_first_not_of(" \t\r");
    if (from == std::string_view::npos) break;
    names.remove_prefix(from);
    std::string_view token = names.substr(0, names.find_first_of(" \t\r"));
    names.remove_prefix(token.size());
    if (token.starts_with("${") && token.ends_with("}")) token = token.substr(2, token.size() - 3);
    if (!is_name(token) || layout.columns.size() == flow_columns_max) return std::nullopt;
    const std::string name = canonical(token);
    const auto found = std::ranges::find(known_fields, std::string_view(name),
                                         &std::pair<std::string_view, FlowField>::first);
    const bool gateway = is_transit_gateway_field(name);
    layout.transit_gateway |= gateway;
    layout.columns.push_back(found != known_fields.end() ? found->second : ignored);
    known += found != known_fields.end() || gateway ? 1 : 0;
  }
  if (known == 0 || known * 2 < layout.columns.size()) return std::nullopt;
  finish(layout);
  return layout;
}

}  // namespace picket
