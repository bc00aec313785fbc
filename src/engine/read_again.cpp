#include "engine/read_again.h"

#include <vector>

namespace picket {

namespace {

// Whether a record is one of those to be evaluated now.
class Wanted {
 public:
  explicit Wanted(const ObjectLedger& before)
      : set_aside_(before.set_aside), last_(std::max(before.records_numbered, before.last_position)) {}
  bool operator()(std::uint64_t position) const { return position > last_ || set_aside_.contains(position); }

 private:
  const Positions& set_aside_;
  const std::uint64_t last_;
};

class Numbering final : public EventSink {
 public:
  explicit Numbering(const Wanted& wanted) : wanted_(wanted) {}
  void on_cloudtrail(const CloudTrailEvent&, std::uint64_t) override {}
  void on_flows(std::span<const FlowRecord>) override {}
  void on_flow_gap(std::string_view, std::string_view, bool, TimeMs, TimeMs, std::uint64_t) override {}
  void on_dns(const DnsQuery&, std::uint64_t) override {}
  void on_audit(const AuditEvent&, std::uint64_t) override {}
  void on_filtered(LogKind, std::uint64_t, std::string_view) override {}
  void on_quarantined(LogKind, const Quarantined& record) override {
    if (!wanted_(record.position)) spoiled = true;
  }
  bool spoiled = false;  // a record that was good is not any more

 private:
  const Wanted& wanted_;
};

class Selecting final : public EventSink {
 public:
  Selecting(const Wanted& wanted, EventSink& sink) : wanted_(wanted), sink_(sink) {}
  void on_cloudtrail(const CloudTrailEvent& event, std::uint64_t position) override {
    if (take(position)) sink_.on_cloudtrail(event, position);
  }
  void on_flows(std::span<const FlowRecord> records) override {
    std::vector<FlowRecord> kept;
    for (const FlowRecord& flow : records) {
      if (take(flow.position)) kept.push_back(flow);
    }
    if (!kept.empty()) sink_.on_flows(kept);
  }
  void on_flow_gap(std::string_view account_id, std::string_view interface_id, bool skip_data, TimeMs start,
                   TimeMs end, std::uint64_t position) override {
    if (take(position)) sink_.on_flow_gap(account_id, interface_id, skip_data, start, end, position);
  }
  void on_dns(const DnsQuery& query, std::uint64_t position) override {
    if (take(position)) sink_.on_dns(query, position);
  }
  void on_owner(std::string_view account_id) override { sink_.on_owner(account_id); }
  void on_audit(const AuditEvent& event, std::uint64_t position) override {
    if (take(position)) sink_.on_audit(event, position);
  }
  void on_filtered(LogKind kind, std::uint64_t position, std::string_view reason) override {
    if (take(position)) sink_.on_filtered(kind, position, reason);
  }
  void on_quarantined(LogKind kind, const Quarantined& record) override {
    if (take(record.position)) sink_.on_quarantined(kind, record);
  }
  std::uint64_t taken() const { return taken_; }

 private:
  bool take(std::uint64_t position) {
    const bool wanted = wanted_(position);
    if (wanted) ++taken_;
    return wanted;
  }
  const Wanted& wanted_;
  EventSink& sink_;
  std::uint64_t taken_ = 0;
};

// More records than before can only be told from those that were there when they come behind all of them.
bool may_grow(const ObjectLedger& before) {
  const std::uint64_t last = std::max(before.records_numbered, before.last_position);
  const std::uint64_t spoiled = before.set_aside.count();
  if (spoiled == 0) return before.state == ObjectState::failed;
  for (std::uint64_t i = 0; i < spoiled; ++i)
    if (!before.set_aside.contains(last - i)) return false;
  return true;
}

}  // namespace

AgainReport decode_again(const std::function<Result<std::unique_ptr<ByteSource>>()>& open,
                         const ObjectInfo& info, const DecodeLimits& limits, const ReadAgain& again,
                         EventSink& sink) {
  AgainReport out;
  if (again.before.state != ObjectState::failed && again.before.set_aside.empty()) {
    out.refusal = "nothing of it is set aside any more";
    return out;
  }
  const Wanted wanted(again.before);
  const auto numbering_source = open();
  if (!numbering_source) {
    out.refusal = numbering_source.error().what;
    return out;
  }
  Numbering numbering(wanted);
  out.decoded = decode_object(**numbering_source, info, limits, numbering);
  out.records_numbered = out.decoded.records_read;
  if (out.decoded.verdict != ObjectVerdict::decoded &&
      out.records_numbered <= again.before.records_numbered) {
    out.refusal = out.decoded.reason;
  } else if (!again.before.set_aside.complete()) {
    out.refusal = "too many of its records were set aside to tell them from the others";
  } else if (numbering.spoiled || out.records_numbered < again.before.records_numbered ||
             (out.records_numbered > again.before.records_numbered && !may_grow(again.before))) {
    out.refusal = "its records are numbered otherwise than when they were set aside";
  }
  if (!out.refusal.empty()) return out;
  const auto source = open();
  if (!source) {
    out.refusal = source.error().what;
    return out;
  }
  Selecting selecting(wanted, sink);
  out.decoded = decode_object(**source, info, limits, selecting);
  out.decoded.records_read = selecting.taken();
  // Read and counted before.
  out.decoded.bytes_in = out.decoded.bytes_decoded = 0;
  out.decoded.first_unverified_position = 0;
  return out;
}

}  // namespace picket
