// Rules beside the detectors: many predicates compiled together, asked once for a record. src/rules
// implements it.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/evidence.h"
#include "event/audit_event.h"
#include "event/cloudtrail_event.h"
#include "event/dns_query.h"
#include "event/flow_record.h"
#include "event/kind.h"

namespace picket {

struct RuleHit {
  std::uint16_t detector = 0;  // of the engine's, whose trigger is `matched`
  bool plain = false;          // a user's rule about single records: it holds everywhere, and needs no order
  bool dry_run = false;        // only counted
  std::uint32_t number = 0;    // the matcher's own
};

class RecordMatcher {
 public:
  virtual ~RecordMatcher() = default;
  // Whether there are rules for this kind of log at all.
  virtual bool wants(LogKind log) const = 0;
  // Adds what the record raises. Called by several threads at once.
  virtual void match(const CloudTrailEvent& event, std::vector<RuleHit>& hits) const = 0;
  virtual void match(const AuditEvent& event, std::vector<RuleHit>& hits) const = 0;
  virtual void match(const FlowRecord& flow, std::vector<RuleHit>& hits) const = 0;
  virtual void match(const DnsQuery& query, std::vector<RuleHit>& hits) const = 0;
  // The evidence of a hit of the record of this log that this thread matched last. `evidence` is written
  // over, its strings used again.
  virtual void tell(LogKind log, const RuleHit& hit, Evidence& evidence) const = 0;
  // For tell(): a record that was matched before is at hand again. It counts no second time.
  virtual void recall(const CloudTrailEvent& event) const = 0;
};

}  // namespace picket
