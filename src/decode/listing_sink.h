// For tests: what a decoder told its sink, one line of text each, in order.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "decode/decoder.h"
#include "decode/sink.h"

namespace picket {

struct ListingSink : EventSink {
  std::vector<std::string> lines;
  std::uint64_t events = 0, filtered = 0, quarantined = 0;
  std::size_t largest_batch = 0;

  void on_cloudtrail(const CloudTrailEvent&, std::uint64_t position) override {
    add("cloudtrail", position, "");
  }
  void on_flows(std::span<const FlowRecord> records) override {
    largest_batch = std::max(largest_batch, records.size());
    for (const FlowRecord& flow : records) {
      std::string text =
          fmt::format("{} {} {}:{} {}:{} proto {} packets {} bytes {} {}-{} {}", flow.account_id,
                      flow.interface_id, flow.srcaddr.to_string(), flow.srcport, flow.dstaddr.to_string(),
                      flow.dstport, flow.protocol, flow.packets, flow.bytes, flow.start, flow.end,
                      flow.action == FlowAction::accept   ? "ACCEPT"
                      : flow.action == FlowAction::reject ? "REJECT"
                                                          : "-");
      if (flow.more != nullptr) text += extras(*flow.more);
      add("flow", flow.position, text);
    }
  }
  void on_flow_gap(std::string_view account_id, std::string_view interface_id, bool skip_data, TimeMs start,
                   TimeMs end, std::uint64_t position) override {
    add(skip_data ? "skip_data" : "no_data", position,
        fmt::format("{} {} {}-{}", account_id, interface_id, start, end));
  }
  void on_dns(const DnsQuery& query, std::uint64_t position) override {
    std::string text = fmt::format(
        "{} {} {} {} {} {} {} {} {} {} src {}:{}", format_time(query.query_timestamp), query.version,
        query.account_id, query.region, query.vpc_id, query.query_name, query.query_type, query.query_class,
        query.rcode, query.transport, query.srcaddr ? query.srcaddr->to_string() : "none", query.srcport);
    const auto named = [&](std::string_view name, std::string_view value) {
      if (!value.empty()) text += fmt::format(" {} {}", name, value);
    };
    named("instance", query.instance);
    named("endpoint", query.resolver_endpoint);
    named("interface", query.resolver_network_interface);
    named("firewall", query.firewall_rule_action);
    named("group", query.firewall_rule_group_id);
    named("list", query.firewall_domain_list_id);
    for (const DnsAnswer& answer : query.answers)
      text += fmt::format(" [{} {} {}]", answer.rdata, answer.type, answer.answer_class);
    add("dns", position, text);
  }
  void on_audit(const AuditEvent& event, std::uint64_t position) override {
    std::string text =
        fmt::format("{} {} {} {} {} {} by {}", event.audit_id, event.stage, event.level, event.verb,
                    event.request_uri, format_time(event.request_received_timestamp), event.user.username);
    for (const auto group : event.user.groups) text += fmt::format(" group {}", group);
    const auto named = [&](std::string_view name, std::string_view value) {
      if (!value.empty()) text += fmt::format(" {} {}", name, value);
    };
    named("arn", event.user.arn);
    named("canonical_arn", event.user.canonical_arn);
    named("session", event.user.session_name);
    named("key", event.user.access_key_id);
    named("as", event.impersonated_user.username);
    named("agent", event.user_agent);
    for (const auto ip : event.source_ips) text += fmt::format(" ip {}", ip);
    if (event.source_ip) text += fmt::format(" from {}", event.source_ip->to_string());
    named("resource", event.object_ref.resource);
    named("subresource", event.object_ref.subresource);
    named("namespace", event.object_ref.namespace_name);
    named("name", event.object_ref.name);
    named("api_group", event.object_ref.api_group);
    if (event.response_code != 0) text += fmt::format(" code {}", event.response_code);
    named("reason", event.response_reason);
    named("decision", event.authorization_decision);
    named("decided_by", event.authorization_reason);
    named("request", event.request_object.text());
    named("response", event.response_object.text());
    named("cluster", event.cluster_name);
    if (event.stage_timestamp != 0) named("staged", format_time(event.stage_timestamp));
    add("audit", position, text);
  }
  void on_filtered(LogKind, std::uint64_t position, std::string_view reason) override {
    ++filtered;
    lines.push_back(fmt::format("{} filtered {}", position, reason));
  }
  void on_quarantined(LogKind, const Quarantined& record) override {
    ++quarantined;
    lines.push_back(fmt::format("{} quarantined {} at {}+{}", record.position, record.reason, record.offset,
                                record.length));
    details.push_back(record.detail);
  }
  std::vector<std::string> details;  // of quarantined records

 private:
  static std::string extras(const FlowExtras& more) {
    std::string text;
    const auto named = [&](std::string_view name, std::string_view value) {
      if (!value.empty()) text += fmt::format(" {}={}", name, value);
    };
    named("vpc", more.vpc_id), named("subnet", more.subnet_id), named("instance", more.instance_id),
        named("type", more.type);
    named("region", more.region), named("az", more.az_id), named("sublocation_type", more.sublocation_type);
    named("sublocation", more.sublocation_id), named("src_service", more.pkt_src_aws_service);
    named("dst_service", more.pkt_dst_aws_service), named("reject_reason", more.reject_reason);
    named("resource", more.resource_id), named("ecs_cluster_arn", more.ecs_cluster_arn);
    named("ecs_cluster", more.ecs_cluster_name), named("ecs_instance_arn", more.ecs_container_instance_arn);
    named("ecs_instance", more.ecs_container_instance_id), named("ecs_container", more.ecs_container_id);
    named("ecs_second", more.ecs_second_container_id), named("ecs_service", more.ecs_service_name);
    named("ecs_definition", more.ecs_task_definition_arn), named("ecs_task_arn", more.ecs_task_arn);
    named("ecs_task", more.ecs_task_id), named("encryption", more.encryption_status);
    if (more.pkt_srcaddr) named("pkt_src", more.pkt_srcaddr->to_string());
    if (more.pkt_dstaddr) named("pkt_dst", more.pkt_dstaddr->to_string());
    if (more.tcp_flags) named("flags", std::to_string(*more.tcp_flags));
    if (more.traffic_path) named("path", std::to_string(*more.traffic_path));
    if (more.has_flow_direction) named("direction", more.egress ? "egress" : "ingress");
    return text;
  }
  void add(std::string_view what, std::uint64_t position, std::string_view text) {
    ++events;
    lines.push_back(text.empty() ? fmt::format("{} {}", position, what)
                                 : fmt::format("{} {} {}", position, what, text));
  }
};

// Feeds `text` as decode_object would: windows of at most `window` bytes (0 = the decoder's own), larger when
// the decoder asks, each in a buffer of its own so that reads outside it show under the address sanitizer.
inline void feed_all(TextDecoder& decoder, std::string_view text, std::size_t window = 0) {
  if (window == 0) window = decoder.window();
  std::size_t want = window;
  do {
    const std::size_t size = std::min(want, text.size());
    std::vector<char> buffer(size + 64, '\x5a');
    std::copy_n(text.begin(), size, buffer.begin());
    const bool last = size == text.size();
    const std::size_t used = decoder.feed(buffer.data(), size, last);
    text.remove_prefix(std::min(used, text.size()));
    if (last) break;
    want = used == 0 ? want * 2 : window;
  } while (true);
}

}  // namespace picket
