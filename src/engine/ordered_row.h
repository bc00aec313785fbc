// Rows of ordered detectors: selected records that wait, in order of time, for their judgement at the
// watermark. Very many may wait and few are raised, so a row holds its evidence and its record's members
// packed, those that all records of a session have in common once for all of them; the state sees the part it
// may look at, and only a raised row becomes a whole Detection.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/shared.h"
#include "decode/decoder.h"
#include "engine/detector.h"
#include "event/cloudtrail_event.h"
#include "event/dns_query.h"
#include "finding/subject.h"

namespace picket {

// Texts that many rows hold, each once. Of one worker.
class RowTexts {
 public:
  Shared<std::string> keep(std::string_view text);
  void clear() { known_.clear(); }

 private:
  boost::unordered_flat_map<std::uint64_t, Shared<std::string>> known_;  // by hash
};

class OrderedRow {
 public:
  OrderedRow() = default;
  // `index` is the detector's in the catalog; account and Region of the object stand where the record has
  // none. What rows have in common is kept in `texts`.
  OrderedRow(std::uint16_t index, const Detector& detector, const Evidence& evidence,
             const CloudTrailEvent& event, const ProofRecord& record, std::span<const IntelHit> hits,
             const ObjectInfo& object, RowTexts& texts);
  OrderedRow(std::uint16_t index, const Detector& detector, const Evidence& evidence, const DnsQuery& query,
             const ProofRecord& record, std::span<const IntelHit> hits, const ObjectInfo& object,
             RowTexts& texts);
  // Of a record of another kind, by its subject.
  OrderedRow(std::uint16_t index, const Detector& detector, const Evidence& evidence, const Subject& subject,
             const ProofRecord& record, std::span<const IntelHit> hits, const ObjectInfo& object,
             RowTexts& texts);

  TimeMs time() const { return record_.time; }
  std::uint16_t detector() const { return detector_; }
  void renumber(std::uint16_t detector) { detector_ = detector; }
  const RecordId& event_id() const { return record_.event_id; }  // empty when the record has none
  // Value of the detector's entity key: whose state judges the row.
  std::string_view entity() const;
  // At most: what rows have in common is counted with each.
  std::size_t bytes() const { return sizeof *this + packed_.size() + (common_ ? common_->size() : 0); }

  // How many deliveries of the record the row stands for; 0 for a copy of one that came in another object.
  std::uint32_t records() const { return records_; }
  void set_records(std::uint32_t records) { records_ = records; }

  // By time and record; deliveries of one record for one detector stand together.
  static bool before(const OrderedRow& a, const OrderedRow& b);
  static bool same_record(const OrderedRow& a, const OrderedRow& b);

  // False when bytes that no row wrote were read into it.
  bool whole(const Detector& detector) const;
  // What the state may look at (see OrderedState), in `room`, which rows may use one after another.
  const Candidate& candidate(const Detector& detector, Candidate& room) const;
  // A candidate of this row that the state raised, with all that a finding needs.
  Detection raised(Candidate candidate, const Detector& detector) const;

  template <class Ar>
  void io(Ar& ar) {
    ar(record_, records_, detector_, common_, packed_);
  }

 private:
  ProofRecord record_;
  std::uint32_t records_ = 1;
  std::uint16_t detector_ = 0;
  Shared<std::string> common_;  // packed, as the rest; none only while the row is empty
  std::string packed_;
};

}  // namespace picket
