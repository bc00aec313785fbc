// What a decoder tells about an object, in the order of its records. Every record ends in exactly
// one of: an event, filtered, quarantined; that is what makes the ledger balance.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "event/audit_event.h"
#include "event/cloudtrail_event.h"
#include "event/dns_query.h"
#include "event/flow_record.h"
#include "event/kind.h"

namespace picket {

// A record (or an unreadable span of bytes, which counts as one record) that was set aside.
struct Quarantined {
  std::uint64_t position = 0;  // record number from 1
  std::uint64_t offset = 0;    // byte range in the decoded text
  std::uint64_t length = 0;
  std::string_view reason;  // a fixed snake_case code: "bad_json", "no_event_time", "record_too_large", …
  std::string detail;       // a sentence for people
};

class EventSink {
 public:
  virtual ~EventSink() = default;
  // Before the records of an object whose key tells no account: the one that its container names.
  virtual void on_owner(std::string_view /*account_id*/) {}
  virtual void on_cloudtrail(const CloudTrailEvent& event, std::uint64_t position) = 0;
  // Flow records come in batches (at most 4,096), each carrying its own position.
  virtual void on_flows(std::span<const FlowRecord> records) = 0;
  // NODATA ("no_data") or SKIPDATA ("skip_data") of an interface: processed, and a gap in visibility.
  virtual void on_flow_gap(std::string_view account_id, std::string_view interface_id, bool skip_data,
                           TimeMs start, TimeMs end, std::uint64_t position) = 0;
  virtual void on_dns(const DnsQuery& query, std::uint64_t position) = 0;
  virtual void on_audit(const AuditEvent& event, std::uint64_t position) = 0;
  // A record of a kind that is named as not evaluated ("insight_event", "digest", "authenticator_stream", …).
  virtual void on_filtered(LogKind kind, std::uint64_t position, std::string_view reason) = 0;
  virtual void on_quarantined(LogKind kind, const Quarantined& record) = 0;
};

}  // namespace picket
