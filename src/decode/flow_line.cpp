#include "decode/flow_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>

namespace picket {

namespace {

// The value of up to eight digits, all in one register; eight bytes from `text` on are readable. Anything but
// digits sets high bits in `wrong`.
std::uint64_t up_to_eight_digits(const char* text, std::size_t length, std::uint64_t& wrong) {
  std::uint64_t word = 0;
  std::memcpy(&word, text, sizeof(word));
  // The first digit is the lowest byte; shifted, missing digits are leading zeros.
  word = (word ^ 0x3030303030303030U) << (64 - 8 * length);
  wrong |= (word + 0x7676767676767676U) | word;
  word = (word * 10 + (word >> 8)) & 0x00ff00ff00ff00ffU;
  word = (word * 100 + (word >> 16)) & 0x0000ffff0000ffffU;
  return (word * 10000 + (word >> 32)) & 0xffffffffU;
}

bool read_number(std::string_view text, std::uint64_t max, std::uint64_t& value) {
  if (std::endian::native == std::endian::little && text.size() <= 16) {
    if (text.empty()) return false;
    const std::size_t lower = std::min<std::size_t>(text.size(), 8), upper = text.size() - lower;
    std::uint64_t wrong = 0;
    value = up_to_eight_digits(text.data() + upper, lower, wrong);
    if (upper > 0) value += up_to_eight_digits(text.data(), upper, wrong) * 100'000'000;
    return (wrong & 0x8080808080808080U) == 0 && value <= max;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && text.size() <= 20 && value <= max;
}

std::string_view shown(std::string_view value) { return value.substr(0, 64); }

bool printable(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return static_cast<signed char>(c) >= 0x20; });
}

// Reads the columns one after the other; the first that breaks its form ends the line.
class LineReader {
 public:
  LineReader(FlowRecord& record, FlowExtras& extras, FlowLine& told)
      : record_(record), extras_(extras), told_(told) {}

  FlowLineKind read(const FlowLayout& layout, std::span<const std::string_view> values, bool check_text) {
    std::string_view status = "OK";
    bool gateway = layout.transit_gateway;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i].empty()) return bad("empty_field", fmt::format("column {} is empty", i + 1));
      if (check_text && !printable(values[i])) {
        return bad("bad_text", fmt::format("column {} holds bytes that are no text", i + 1));
      }
      if (layout.columns[i] == FlowField::log_status) status = values[i];
      if (layout.columns[i] == FlowField::resource_type && values[i] == "TransitGateway") gateway = true;
    }
    if (gateway) {
      told_.reason = "transit_gateway";
      return FlowLineKind::filtered;
    }
    const bool gap = status == "NODATA" || status == "SKIPDATA";
    if (!gap && status != "OK" && status != "-") {
      return bad("unknown_log_status", fmt::format("log-status is \"{}\"", shown(status)));
    }
    if (!layout.missing.empty()) {
      return bad("fields_missing", fmt::format("the log's format lacks {}", layout.missing));
    }
    record_ = FlowRecord{};
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!column(layout.columns[i], values[i])) return FlowLineKind::bad;
    }
    if (!has_start_ && !has_end_) return bad("no_event_time", "neither start nor end holds a time");
    if (!has_start_) record_.start = record_.end;
    if (!has_end_) record_.end = record_.start;
    // A format may carry only the addresses of the packets; then they stand for those of the interface.
    take_packet_address(extras_.pkt_srcaddr, record_.srcaddr, has_src_);
    take_packet_address(extras_.pkt_dstaddr, record_.dstaddr, has_dst_);
    if (gap || (!layout.has_log_status && nothing_seen())) {
      told_.skip_data = status == "SKIPDATA";
      told_.account_id = record_.account_id;
      told_.interface_id = record_.interface_id;
      told_.start = record_.start;
      told_.end = record_.end;
      return FlowLineKind::gap;
    }
    if (!has_src_ || !has_dst_) {
      return bad("bad_address", fmt::format("{} is absent", has_src_ ? "dstaddr" : "srcaddr"));
    }
    if (layout.has_extras) record_.more = &extras_;
    return FlowLineKind::flow;
  }

 private:
  // What a NODATA or SKIPDATA record looks like in a format without log-status.
  bool nothing_seen() const { return !has_src_ && !has_dst_ && record_.packets == 0; }

  static void take_packet_address(const std::optional<IpAddress>& from, IpAddress& into, bool& has) {
    if (has || !from) return;
    into = *from;
    has = true;
  }

  bool column(FlowField field, std::string_view value) {
    using enum FlowField;
    const bool absent = value == "-";
    const std::string_view text = absent ? std::string_view{} : value;
    switch (field) {
      case version:
        return number(value, absent, 255, "version").ok;
      case account_id:
        return set(record_.account_id, text);
      case interface_id:
        return set(record_.interface_id, text);
      case srcaddr:
        return address(value, absent, record_.srcaddr, has_src_, "srcaddr");
      case dstaddr:
        return address(value, absent, record_.dstaddr, has_dst_, "dstaddr");
      case srcport:
        return narrow(number(value, absent, 65535, "srcport"), record_.srcport);
      case dstport:
        return narrow(number(value, absent, 65535, "dstport"), record_.dstport);
      case protocol:
        return narrow(number(value, absent, 255, "protocol"), record_.protocol);
      case packets:
        return narrow(number(value, absent, counter_max, "packets"), record_.packets);
      case bytes:
        return narrow(number(value, absent, counter_max, "bytes"), record_.bytes);
      case start:
        has_start_ = !absent;
        return narrow(number(value, absent, flow_seconds_end - 1, "start"), record_.start);
      case end:
        has_end_ = !absent;
        return narrow(number(value, absent, flow_seconds_end - 1, "end"), record_.end);
      case action:
        return read_action(value, absent);
      case vpc_id:
        return set(extras_.vpc_id, text);
      case subnet_id:
        return set(extras_.subnet_id, text);
      case instance_id:
        return set(extras_.instance_id, text);
      case tcp_flags:
        return optional_byte(value, absent, extras_.tcp_flags, "tcp-flags");
      case type:
        return set(extras_.type, text);
      case pkt_srcaddr:
        return optional_address(value, absent, extras_.pkt_srcaddr, "pkt-srcaddr");
      case pkt_dstaddr:
        return optional_address(value, absent, extras_.pkt_dstaddr, "pkt-dstaddr");
      case region:
        return set(extras_.region, text);
      case az_id:
        return set(extras_.az_id, text);
      case sublocation_type:
        return set(extras_.sublocation_type, text);
      case sublocation_id:
        return set(extras_.sublocation_id, text);
      case pkt_src_aws_service:
        return set(extras_.pkt_src_aws_service, text);
      case pkt_dst_aws_service:
        return set(extras_.pkt_dst_aws_service, text);
      case flow_direction:
        return direction(value, absent);
      case traffic_path:
        return optional_byte(value, absent, extras_.traffic_path, "traffic-path");
      case ecs_cluster_arn:
        return set(extras_.ecs_cluster_arn, text);
      case ecs_cluster_name:
        return set(extras_.ecs_cluster_name, text);
      case ecs_container_instance_arn:
        return set(extras_.ecs_container_instance_arn, text);
      case ecs_container_instance_id:
        return set(extras_.ecs_container_instance_id, text);
      case ecs_container_id:
        return set(extras_.ecs_container_id, text);
      case ecs_second_container_id:
        return set(extras_.ecs_second_container_id, text);
      case ecs_service_name:
        return set(extras_.ecs_service_name, text);
      case ecs_task_definition_arn:
        return set(extras_.ecs_task_definition_arn, text);
      case ecs_task_arn:
        return set(extras_.ecs_task_arn, text);
      case ecs_task_id:
        return set(extras_.ecs_task_id, text);
      case reject_reason:
        return set(extras_.reject_reason, text);
      case resource_id:
        return set(extras_.resource_id, text);
      case encryption_status:
        return set(extras_.encryption_status, text);
      case log_status:
      case resource_type:
      case ignored:
        return true;
    }
    return true;
  }

  struct Number {
    bool ok;
    std::uint64_t value;
  };
  static constexpr std::uint64_t counter_max = std::numeric_limits<std::uint64_t>::max();

  FlowLineKind bad(std::string_view reason, std::string detail) {
    told_.reason = reason;
    told_.detail = std::move(detail);
    return FlowLineKind::bad;
  }
  bool refuse(std::string_view reason, std::string_view name, std::string_view value) {
    bad(reason, fmt::format("{} is \"{}\"", name, shown(value)));
    return false;
  }
  static bool set(std::string_view& member, std::string_view text) {
    member = text;
    return true;
  }
  Number number(std::string_view value, bool absent, std::uint64_t max, std::string_view name) {
    Number got{true, 0};
    if (!absent && !read_number(value, max, got.value)) got.ok = refuse("bad_number", name, value);
    return got;
  }
  template <class T>
  static bool narrow(Number from, T& into) {
    if (from.ok) into = static_cast<T>(from.value);
    return from.ok;
  }
  bool optional_byte(std::string_view value, bool absent, std::optional<std::uint8_t>& into,
                     std::string_view name) {
    const Number got = number(value, absent, 255, name);
    into = absent ? std::nullopt : std::optional(static_cast<std::uint8_t>(got.value));
    return got.ok;
  }
  bool address(std::string_view value, bool absent, IpAddress& into, bool& has, std::string_view name) {
    if (absent) return true;
    const auto parsed = IpAddress::parse(value);
    if (!parsed) return refuse("bad_address", name, value);
    into = *parsed;
    has = true;
    return true;
  }
  bool optional_address(std::string_view value, bool absent, std::optional<IpAddress>& into,
                        std::string_view name) {
    into.reset();
    if (absent) return true;
    into = IpAddress::parse(value);
    return into ? true : refuse("bad_address", name, value);
  }
  bool read_action(std::string_view value, bool absent) {
    if (value == "ACCEPT") {
      record_.action = FlowAction::accept;
    } else if (value == "REJECT") {
      record_.action = FlowAction::reject;
    } else if (!absent) {
      return refuse("unknown_action", "action", value);
    }
    return true;
  }
  bool direction(std::string_view value, bool absent) {
    extras_.has_flow_direction = !absent;
    extras_.egress = value == "egress";
    if (absent || extras_.egress || value == "ingress") return true;
    return refuse("unknown_direction", "flow-direction", value);
  }

  FlowRecord& record_;
  FlowExtras& extras_;
  FlowLine& told_;
  bool has_src_ = false, has_dst_ = false, has_start_ = false, has_end_ = false;
};

}  // namespace

FlowLineKind read_flow_line(const FlowLayout& layout, std::span<const std::string_view> values,
                            bool check_text, FlowRecord& record, FlowExtras& extras, FlowLine& told) {
  return LineReader(record, extras, told).read(layout, values, check_text);
}

}  // namespace picket
