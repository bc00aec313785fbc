// One Route 53 Resolver query log record, under AWS's own field names.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/ip.h"
#include "base/time.h"

namespace picket {

struct DnsAnswer {
  std::string_view rdata, type, answer_class;
};

struct DnsQuery {
  std::string_view version, account_id, region, vpc_id, query_name, query_type, query_class, rcode, transport;
  // "2026-09-14T10:00:00Z" as event time.
  TimeMs query_timestamp = 0;
  std::optional<IpAddress> srcaddr;
  std::uint16_t srcport = 0;
  std::string_view instance, resolver_endpoint, resolver_network_interface;  // srcids.*; all may be absent
  std::string_view firewall_rule_action, firewall_rule_group_id, firewall_domain_list_id;
  std::span<const DnsAnswer> answers;
  std::string_view raw;  // the whole record
};

}  // namespace picket
