#include "source/intake.h"

#include <simdjson.h>

#include <algorithm>

#include "base/text.h"
#include "decode/envelope.h"
#include "decode/inflate.h"
#include "decode/refused.h"

namespace picket {

namespace {

constexpr std::size_t sniff_bytes = 64U << 10;

bool packed(std::string_view record) {
  return record.starts_with("\x1f\x8b") || record.starts_with("\x28\xb5\x2f\xfd");
}

simdjson::dom::parser& parser() {
  thread_local simdjson::dom::parser the_parser;
  return the_parser;
}

}  // namespace

void Intake::refuse(std::string_view reason, std::string_view record) {
  ++records_;
  const std::string line = refused_line(reason, record);
  bytes_ += line.size();
  refused_ += line;
}

void Intake::append(const RecordOrigin& origin, Container container, std::string_view text) {
  ++records_;
  std::string& content = groups_[{origin, container}];
  bytes_ += text.size() + 1;
  content += text;
  if (!text.ends_with('\n')) content += '\n';
}

void Intake::add(std::string_view record) {
  if (!packed(record)) return add_text(record, false);
  const auto text = inflated(record, record_inflated_max);
  if (text) return add_text(*text, false);
  refuse(text.error().kind == ErrorKind::too_large ? "record_too_large" : "bad_compression", record);
}

// What CloudWatch Logs sends to whoever subscribed to a log group: whose events, which group, and the events.
bool Intake::add_subscription(std::string_view text) {
  simdjson::dom::element root;
  std::string_view type;
  if (parser().parse(text.data(), text.size()).get(root) != simdjson::SUCCESS ||
      root["messageType"].get(type) != simdjson::SUCCESS)
    return false;
  if (type == "CONTROL_MESSAGE") {
    ++control_messages_;
    return true;
  }
  simdjson::dom::array events;
  if (type != "DATA_MESSAGE" || root["logEvents"].get(events) != simdjson::SUCCESS) return false;
  std::string_view owner, group;
  RecordOrigin origin = origin_;
  // The sender knows better than what is said of all it sends.
  if (root["owner"].get(owner) == simdjson::SUCCESS && is_account_id(owner)) origin.account = owner;
  if (root["logGroup"].get(group) == simdjson::SUCCESS && !cluster_of_log_group(group).empty()) {
    origin.cluster = cluster_of_log_group(group);
    // Component logs come beside the audit log; its decoder counts them.
    if (!origin.kind) origin.kind = LogKind::k8saudit;
  }
  if (!origin.kind) origin.kind = sniff_kind(text.substr(0, sniff_bytes), {}).kind;
  if (!origin.kind) {
    refuse("not_a_log", text);
    return true;
  }
  append(origin, Container::subscription, text);
  return true;
}

void Intake::add_text(std::string_view text, bool unwrapped) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  text.remove_prefix(begin);
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) return refuse("empty_record", text);
  const bool object = text.front() == '{';
  if (object && text.substr(0, sniff_bytes).contains("\"messageType\"") && add_subscription(text)) return;
  RecordOrigin origin = origin_;
  const Sniffed sniffed = sniff_kind(text.substr(0, sniff_bytes), {});
  // Flow logs come through Firehose as {"message": "2 123456789012 eni-…"}.
  if (!sniffed.kind && object && !unwrapped) {
    simdjson::dom::element root;
    std::string_view message;
    if (parser().parse(text.data(), text.size()).get(root) == simdjson::SUCCESS &&
        root["message"].get(message) == simdjson::SUCCESS) {
      const std::string inner(message);  // the parser is used again
      return add_text(inner, true);
    }
  }
  if (!origin.kind) origin.kind = sniffed.kind;
  if (!origin.kind) {
    const bool json = object || text.front() == '[';
    return refuse(json && parser().parse(text.data(), text.size()).error() != simdjson::SUCCESS ? "bad_json"
                                                                                                : "not_a_log",
                  text);
  }
  append(origin, sniffed.container, text);
}

std::vector<PushedPart> Intake::finish() {
  std::vector<PushedPart> parts;
  for (auto& [group, content] : groups_) parts.push_back({group.first, false, std::move(content)});
  if (!refused_.empty()) {
    RecordOrigin origin = parts.empty() ? origin_ : parts.front().origin;
    // Its records are counted with those of some kind.
    if (!origin.kind) origin.kind = LogKind::cloudtrail;
    parts.push_back({std::move(origin), true, std::move(refused_)});
  }
  groups_.clear();
  refused_.clear();
  records_ = bytes_ = control_messages_ = 0;
  return parts;
}

}  // namespace picket
