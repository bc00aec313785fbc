// CloudTrail text through windows of a size the first byte chooses: the counts balance, spans of broken
// records lie in the text, and small windows deliver what one large window delivers when nothing is broken.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "decode/decoder.h"

namespace {

struct CountingSink final : picket::EventSink {
  std::uint64_t events = 0, filtered = 0, quarantined = 0, size = 0, touched = 0;
  void on_cloudtrail(const picket::CloudTrailEvent& event, std::uint64_t position) override {
    ++events;
    if (position != events + filtered + quarantined) std::abort();
    // Reads every view to its end, for the address sanitizer.
    for (const std::string_view text :
         {event.event_id, event.event_name, event.event_source, event.user_agent, event.error_code,
          event.user_identity.arn, event.user_identity.session_issuer.arn, event.request_parameters.text(),
          event.raw.text()}) {
      touched += picket::hash64(text) & 1;
    }
  }
  void on_flows(std::span<const picket::FlowRecord>) override { std::abort(); }
  void on_flow_gap(std::string_view, std::string_view, bool, picket::TimeMs, picket::TimeMs,
                   std::uint64_t) override {
    std::abort();
  }
  void on_dns(const picket::DnsQuery&, std::uint64_t) override { std::abort(); }
  void on_audit(const picket::AuditEvent&, std::uint64_t) override { std::abort(); }
  void on_filtered(picket::LogKind, std::uint64_t, std::string_view) override { ++filtered; }
  void on_quarantined(picket::LogKind, const picket::Quarantined& record) override {
    ++quarantined;
    if (record.offset + record.length > size) std::abort();
  }
};

CountingSink decode(std::string_view text, std::size_t window) {
  CountingSink sink;
  sink.size = text.size();
  picket::DecodeLimits limits;
  limits.record_bytes_max = 4096;
  const auto decoder = picket::make_cloudtrail_decoder({}, limits, sink);
  std::string carry;
  std::size_t at = 0;
  while (true) {
    const std::size_t take = std::min(window, text.size() - at);
    carry += text.substr(at, take);
    at += take;
    const bool last = at == text.size();
    // An allocation of its own for each window, so that nothing outlives it unseen.
    const auto buffer = std::make_unique<char[]>(carry.size() + 64);
    carry.copy(buffer.get(), carry.size());
    const std::size_t used = decoder->feed(buffer.get(), carry.size(), last);
    if (used > carry.size() || (last && used != carry.size())) std::abort();
    carry.erase(0, used);
    if (last) break;
  }
  decoder->end();
  if (decoder->records_read() != sink.events + sink.filtered + sink.quarantined) std::abort();
  return sink;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const CountingSink whole = decode(text, SIZE_MAX);
  const CountingSink pieces = decode(text, std::size_t{data[0]} + 1);
  if (whole.quarantined == 0 && pieces.quarantined == 0 && whole.events != pieces.events) std::abort();
  return 0;
}
