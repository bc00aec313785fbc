// What a detector of visibility judges: a stretch of time in which picket saw less than there was.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "event/kind.h"
#include "finding/subject.h"

namespace picket {

enum class GapKind : std::uint8_t {
  silent_source,      // no record of a kind, account and Region, while others go on or time does
  missing_interface,  // an instance's interfaces are not in the flow logs, while it resolves names
  skipped_records,    // AWS says that it left out flow records of an interface
  evicted_state,      // a budget was full, and what detectors remembered was dropped
  late_records,       // records behind their watermark
  foreign_records,    // of another account than the one that the object was delivered for
  broken_digest,      // CloudTrail's digests do not prove a log, or are not there
};
constexpr std::size_t gap_kinds = 7;

struct Gap {
  GapKind kind = GapKind::silent_source;
  LogKind log = LogKind::cloudtrail;
  std::string account, region;
  std::string what;  // interface, table of state, account that records claim, kind of a digest's fault
  std::string object, detail;  // of a digest's fault
  std::string instance_id;
  TimeMs from = 0, to = 0;
  bool ongoing = false;                      // `to` is as far as is known
  std::uint64_t records = 0, of = 0;         // how many are concerned, and of how many of the same day
  TimeMs usual = 0;                          // silent_source: its longest silence of the days before
  std::uint64_t active_slots = 0;            // silent_source: slots with records in those days
  std::uint64_t hours = 0, hours_known = 0;  // missing_interface: without flows, and before that with
  ProofRecord first, last;
};

}  // namespace picket
