// CloudTrail records for the tests of this folder.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "decode/decoder.h"
#include "rules/matcher.h"

namespace picket::rules::testdata {

// Hands every CloudTrail record of a text to `see`.
class Records final : public EventSink {
 public:
  explicit Records(std::function<void(const CloudTrailEvent&)> see) : see_(std::move(see)) {}
  void on_cloudtrail(const CloudTrailEvent& event, std::uint64_t) override { see_(event); }
  void on_flows(std::span<const FlowRecord>) override {}
  void on_flow_gap(std::string_view, std::string_view, bool, TimeMs, TimeMs, std::uint64_t) override {}
  void on_dns(const DnsQuery&, std::uint64_t) override {}
  void on_audit(const AuditEvent&, std::uint64_t) override {}
  void on_filtered(LogKind, std::uint64_t, std::string_view) override {}
  void on_quarantined(LogKind, const Quarantined&) override { ++quarantined; }
  std::size_t quarantined = 0;

 private:
  std::function<void(const CloudTrailEvent&)> see_;
};

inline std::size_t for_each_record(std::string_view text, std::function<void(const CloudTrailEvent&)> see) {
  std::size_t records = 0;
  Records sink([&](const CloudTrailEvent& event) {
    ++records;
    see(event);
  });
  const auto bytes = memory_source(text);
  ObjectInfo info;
  info.kind = LogKind::cloudtrail;
  decode_object(*bytes, info, {}, sink);
  return sink.quarantined == 0 ? records : 0;
}

// A call of alice's; `more` are further members of the record.
inline std::string call(std::string_view name, std::string_view more = "", std::string_view user = "alice",
                        std::string_view time = "2026-09-14T10:00:00Z", std::string_view id = "0d3e") {
  std::string text =
      R"({"eventVersion":"1.08","eventTime":")" + std::string(time) + R"(","eventID":")" + std::string(id) +
      R"(","eventSource":"iam.amazonaws.com","eventName":")" + std::string(name) +
      R"(","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userIdentity":{"type":"IAMUser",)"
      R"("userName":")" +
      std::string(user) + R"(","arn":"arn:aws:iam::111122223333:user/)" + std::string(user) +
      R"(","accountId":"111122223333"},"recipientAccountId":"111122223333")";
  if (!more.empty()) text += ',' + std::string(more);
  return text + "}\n";
}

// Whether the predicate holds for a text's last record.
inline bool matches(const Predicate& predicate, std::string_view text) {
  const Predicate* one[] = {&predicate};
  const CompiledPredicates compiled(LogKind::cloudtrail, one);
  CompiledPredicates::Scratch scratch;
  std::vector<std::uint32_t> matched;
  for_each_record(
      text, [&](const CloudTrailEvent& event) { compiled.match({.cloudtrail = &event}, scratch, matched); });
  return !matched.empty();
}

}  // namespace picket::rules::testdata
