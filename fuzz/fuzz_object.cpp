// Whole objects, compressed or not, under a key the first byte chooses: no crash, the counts balance, the
// limits hold.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "decode/decoder.h"
#include "decode/sniff.h"

namespace {

struct CountingSink final : picket::EventSink {
  std::uint64_t records = 0;
  void on_cloudtrail(const picket::CloudTrailEvent&, std::uint64_t) override { ++records; }
  void on_flows(std::span<const picket::FlowRecord> flows) override { records += flows.size(); }
  void on_flow_gap(std::string_view, std::string_view, bool, picket::TimeMs, picket::TimeMs,
                   std::uint64_t) override {
    ++records;
  }
  void on_dns(const picket::DnsQuery&, std::uint64_t) override { ++records; }
  void on_audit(const picket::AuditEvent&, std::uint64_t) override { ++records; }
  void on_filtered(picket::LogKind, std::uint64_t, std::string_view) override { ++records; }
  void on_quarantined(picket::LogKind, const picket::Quarantined&) override { ++records; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr const char* keys[] = {
      "x", "AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/14/x_20260914T1000Z_a.json.gz",
      "AWSLogs/111122223333/vpcflowlogs/us-east-1/2026/09/14/a.log.gz",
      "AWSLogs/111122223333/vpcdnsquerylogs/vpc-1/2026/09/14/a.log.gz",
      "exported/aws/eks/prod/cluster/kube-apiserver-audit-1/000000.gz"};
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  // Parquet is read by another library in a process of its own.
  if (bytes.starts_with("PAR1")) return 0;
  picket::ObjectInfo info;
  info.key = keys[data[0] % std::size(keys)];
  picket::DecodeLimits limits;
  limits.record_bytes_max = 4096;
  limits.object_bytes_max = 1 << 20;
  CountingSink sink;
  const auto source = picket::memory_source(bytes);
  const picket::DecodeReport report = picket::decode_object(*source, info, limits, sink);
  if (report.records_read != sink.records) std::abort();
  if (report.verdict != picket::ObjectVerdict::decoded && report.reason.empty()) std::abort();
  const auto again = picket::memory_source(bytes);
  const std::string prefix = picket::decoded_prefix(*again, 4096, limits);
  for (const picket::LogKind kind : picket::log_kinds) picket::peek_first_time(prefix, kind);
  picket::object_time_hint(bytes.substr(0, 200));
  picket::read_key(bytes.substr(0, 200));
  return 0;
}
