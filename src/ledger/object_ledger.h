// What was read of one object and what became of it. For every object
//   records_read = processed + filtered + duplicate + quarantined
// exactly; late records are processed ones and counted besides.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/time.h"
#include "event/kind.h"
#include "ledger/positions.h"

namespace picket {

enum class ObjectState : std::uint8_t { read, skipped, failed };

// A record that was set aside, or an unreadable span of bytes that counts as one.
struct SetAsideRecord {
  std::uint64_t position = 0, offset = 0, length = 0;  // bytes of the decoded text
  std::string reason, detail;
  template <class Ar>
  void io(Ar& ar) {
    ar(position, offset, length, reason, detail);
  }
};

struct ObjectLedger {
  std::string key;
  ObjectState state = ObjectState::read;
  std::optional<LogKind> kind;
  std::string reason;  // why it was skipped or failed
  std::uint64_t bytes_in = 0, bytes_decoded = 0;
  std::uint64_t records_read = 0, processed = 0, filtered = 0, duplicate = 0, quarantined = 0, late = 0;
  std::map<std::string, std::uint64_t> filter_reasons, quarantine_reasons;
  std::uint64_t no_data = 0, skip_data = 0;  // visibility gaps of flow logs
  TimeMs first = 0, last = 0;                // event times, when processed > 0
  std::uint64_t last_position = 0;           // of flow logs: the last line with a record; header lines count
  // How many there are in the object; of one that is read again for some of them, `records_read` counts
  // those.
  std::uint64_t records_numbered = 0;
  // Records by the account and Region they are of, S3 data events among them. Empty: all are of the object's
  // own.
  struct Share {
    std::uint64_t records = 0, s3_data_events = 0;
    template <class Ar>
    void io(Ar& ar) {
      ar(records, s3_data_events);
    }
  };
  std::map<std::pair<std::string, std::string>, Share> shares;
  // How far the object may move its stream's watermark: see TimeSampler.
  TimeMs advance = 0;
  // What was set aside: all of it by position, and the first few told.
  Positions set_aside;
  std::vector<SetAsideRecord> set_aside_first;
  static constexpr std::size_t set_aside_told_max = 10;

  bool balanced() const { return records_read == processed + filtered + duplicate + quarantined; }
  template <class Ar>
  void io(Ar& ar) {
    ar(key, state, kind, reason, bytes_in, bytes_decoded, records_read, processed, filtered, duplicate,
       quarantined, late, filter_reasons, quarantine_reasons, no_data, skip_data, first, last, last_position,
       records_numbered, shares, advance, set_aside, set_aside_first);
  }
};

// Sums over objects, per kind of log, as `--stats` and the console show them.
struct KindTotals {
  std::uint64_t objects = 0, objects_failed = 0, bytes_in = 0, bytes_decoded = 0;
  std::uint64_t records_read = 0, processed = 0, filtered = 0, duplicate = 0, quarantined = 0, late = 0;
  std::uint64_t no_data = 0, skip_data = 0;
  std::map<std::string, std::uint64_t> filter_reasons, quarantine_reasons;
  TimeMs first = 0, last = 0;
  void add(const ObjectLedger& object);
  // Undoes what was counted of an object that is read once more: the object, and what of it was set aside.
  void take_back(const ObjectLedger& object);
  template <class Ar>
  void io(Ar& ar) {
    ar(objects, objects_failed, bytes_in, bytes_decoded, records_read, processed, filtered, duplicate,
       quarantined, late, no_data, skip_data, filter_reasons, quarantine_reasons, first, last);
  }
};

struct LedgerTotals {
  std::array<KindTotals, log_kinds.size()> kinds;
  std::uint64_t skipped = 0;         // objects that are no log for us
  std::uint64_t failed_unknown = 0;  // failed before their kind was known
  std::map<std::string, std::uint64_t> skip_reasons;
  std::map<std::string, std::string> failures;  // object -> why, at most failures_max kept
  static constexpr std::size_t failures_max = 1000;
  void add(const ObjectLedger& object);
  void take_back(const ObjectLedger& object);
  std::uint64_t failed() const;
  std::uint64_t quarantined() const;
  std::uint64_t late() const;
  template <class Ar>
  void io(Ar& ar) {
    ar(kinds, skipped, failed_unknown, skip_reasons, failures);
  }
};

// Event times of one object, thinned: tells how far it may move its stream's watermark. A record later than
// 24 h past the object's median never advances it, so that a forged time cannot close
// windows.
class TimeSampler {
 public:
  void add(TimeMs time) {
    if (count_ == 0 || time < first_) first_ = time;
    if (count_ == 0 || time > last_) last_ = time;
    if (count_++ % stride_ == 0) sample(time);
  }
  bool empty() const { return count_ == 0; }
  TimeMs first() const { return first_; }
  TimeMs last() const { return last_; }
  TimeMs advance() const;

 private:
  static constexpr std::size_t samples_max = 256;
  static constexpr TimeMs past_median_max = day_ms;
  void sample(TimeMs time);
  std::vector<TimeMs> samples_;
  std::uint64_t count_ = 0, stride_ = 1;
  TimeMs first_ = 0, last_ = 0;
};

}  // namespace picket
