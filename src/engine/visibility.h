// Whether picket sees what there is to see. Per kind of log, account and Region it keeps when records were
// made, in slots, and how long silences usually are; per instance, in which hours it was in the flow logs and
// in which it resolved names; and per day what was skipped, came late or had to be forgotten.
//
// Slots and hours are sets, settled in order of time behind the watermark, so nothing depends on the order in
// which objects come. A silence ends at the newest record of another source that was there as long (event
// time alone), or at the time that a control record tells (`tell_time`), for sources that were up to date
// when such a record came.
#pragma once

#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/archive.h"
#include "decode/decoder.h"
#include "engine/detector.h"
#include "engine/gap.h"
#include "event/dns_query.h"
#include "event/flow_record.h"
#include "ledger/object_ledger.h"
#include "state/facts.h"

namespace picket {

constexpr TimeMs visibility_slot = 10 * minute_ms;  // the longer of a flow log's capture windows

// In which slots there were records, and of each slot the newest. Records come nearly in order, so most find
// their slot at the end.
class SlotMarks {
 public:
  struct Mark {
    std::int32_t slot = 0;
    TimeMs time = 0;
    std::uint64_t position = 0;
  };
  void add(TimeMs time, std::uint64_t position) {
    const auto slot = static_cast<std::int32_t>(time / visibility_slot);
    if (marks_.empty() || marks_.back().slot != slot) {
      marks_.push_back({slot, time, position});
      if (marks_.size() >= limit_) compact();
    } else if (marks_.back().time <= time) {
      marks_.back().time = time;
      marks_.back().position = position;
    }
  }
  std::vector<Mark> take();  // ascending

 private:
  void compact();
  std::vector<Mark> marks_;
  std::size_t limit_ = 8192;
};

// What one worker saw in an epoch of interfaces and instances, beside places.
class Sightings {
 public:
  struct Hour {
    std::string account, region, id;  // interface or instance
    std::int32_t hour = 0;
    ProofRecord record;
    template <class Ar>
    void io(Ar& ar) {
      ar(account, region, id, hour, record);
    }
  };
  struct Skip {
    std::string account, region, interface_id;
    TimeMs start = 0, end = 0;
    ProofRecord record;
  };
  // Once an interface and hour, mostly: a table of fixed size remembers the latest.
  void flow(const FlowRecord& flow, std::string_view region, std::uint64_t object, std::uint64_t position) {
    const std::string_view id = flow.interface_id;
    if (id.size() < 8) return;
    std::uint64_t tail = 0;
    std::memcpy(&tail, id.data() + id.size() - 8, 8);
    const auto hour = static_cast<std::int32_t>(flow.start_ms() / hour_ms);
    Known& known = known_[(tail * 0x9e3779b97f4a7c15ULL) >> 52U];
    if (known.tail == tail && known.hour == hour) return;
    known = {tail, hour};
    flows.push_back({std::string(flow.account_id),
                     std::string(region),
                     std::string(id),
                     hour,
                     {flow.start_ms(), object, position, {}}});
  }
  void query(const DnsQuery& query, const ObjectInfo& info, const ProofRecord& record);
  void clear();

  std::vector<Hour> flows, queries;
  std::vector<Skip> skips;

 private:
  struct Known {
    std::uint64_t tail = 0;
    std::int32_t hour = 0;
  };
  std::vector<Known> known_ = std::vector<Known>(4096);
  std::vector<Known> known_queries_ = std::vector<Known>(4096);
};

// Of one object: records in slots, and those that claim another account than its own.
struct PlaceMarks {
  std::map<std::pair<std::string, std::string>, SlotMarks> slots;        // by account and Region
  std::map<std::string, std::pair<std::uint64_t, ProofRecord>> foreign;  // claimed account -> count, first
};

class Visibility {
 public:
  explicit Visibility(std::span<const Detector* const> detectors);
  bool wanted() const { return wanted_; }

  void add(const ObjectLedger& ledger, std::string_view account, std::string_view region, PlaceMarks marks);
  void add(Sightings& sightings);
  // State that was evicted in this epoch, by table.
  void evicted(const std::string& table, std::uint64_t count);
  // Control record: everything made before `time` and its lateness, twice, is there, or will not come.
  void tell_time(TimeMs time);
  void tell_fault(const Gap& fault);

  struct Output {
    std::vector<std::pair<std::uint64_t, Detection>> changed;  // by window
    std::vector<std::uint64_t> withdrawn, settled;
    std::vector<Detection> raised;
  };
  Output turn(const std::array<TimeMs, log_kinds.size()>& watermark,
              const std::array<TimeMs, log_kinds.size()>& lateness, const Facts& facts);

  void save(Writer& out) const;
  void load(Reader& in);

 private:
  struct PlaceKey {
    LogKind log = LogKind::cloudtrail;
    std::string account, region;
    auto operator<=>(const PlaceKey&) const = default;
    template <class Ar>
    void io(Ar& ar) {
      ar(log, account, region);
    }
  };
  struct Place {
    std::int32_t first = 0, last = 0, newest = 0;  // slots; `last`: settled
    bool begun = false, live = false, open = false;
    std::map<std::int32_t, ProofRecord> waiting;   // slots, each with its newest record
    std::map<std::int32_t, std::int32_t> longest;  // day -> longest silence that began on it, in slots
    std::map<std::int32_t, std::int32_t> active;   // day -> slots with records
    std::set<std::int32_t> hours;                  // with records, of the last days
    std::set<std::int32_t> raised;                 // days with a silence that was a finding
    ProofRecord record;                            // of `last`
    std::int32_t counted_day = 0;                  // which `late` and `processed` are of
    std::uint64_t late = 0, processed = 0;
    ProofRecord late_record;
    bool late_told = false;
    std::uint64_t active_since(std::int32_t day) const {
      std::uint64_t slots = 0;
      for (auto at = active.lower_bound(day); at != active.end(); ++at)
        slots += static_cast<std::uint64_t>(at->second);
      return slots;
    }
    template <class Ar>
    void io(Ar& ar) {
      ar(first, last, newest, begun, live, open, waiting, longest, active, hours, raised, record, counted_day,
         late, processed, late_record, late_told);
    }
  };
  struct Host {
    std::string account, region, interface_id;
    std::set<std::int32_t> flows, queries;        // hours; of the queries those that were judged
    std::map<std::int32_t, ProofRecord> waiting;  // hours with queries, each with its first
    std::int32_t settled = 0;                     // hours up to here were judged
    std::int32_t missing_since = 0;               // of a finding that stands; 0: none
    template <class Ar>
    void io(Ar& ar) {
      ar(account, region, interface_id, flows, queries, waiting, settled, missing_since);
    }
  };
  struct SkipDay {
    std::string account, region;
    std::uint64_t records = 0;
    TimeMs from = 0, to = 0;
    ProofRecord first, last;
    template <class Ar>
    void io(Ar& ar) {
      ar(account, region, records, from, to, first, last);
    }
  };
  std::optional<Detection> judge(const Gap& gap) const;
  void tell(std::uint64_t window, const Gap& gap);
  void settle_place(const PlaceKey& key, Place& place, std::int32_t until, std::int32_t known_until);
  std::optional<Detection> silence(const PlaceKey& key, const Place& place, std::int32_t to,
                                   bool ongoing) const;
  void learn(Place& place, std::int32_t from, std::int32_t length, bool was_raised);
  void settle_host(const std::string& id, Host& host, std::int32_t until);
  void settle_flows(std::int32_t until, const Facts& facts);
  // Null when there are too many.
  Host* host_of(const Sightings::Hour& seen, const std::string& instance);
  void count(GapKind kind, const std::string& key, Gap gap);
  void count_late(const PlaceKey& key, Place& place, const ObjectLedger& ledger, const ProofRecord& record);
  bool has(GapKind kind) const { return !by_kind_[static_cast<std::size_t>(kind)].empty(); }

  std::span<const Detector* const> detectors_;
  std::array<std::vector<std::uint16_t>, gap_kinds> by_kind_;
  bool wanted_ = false;
  std::map<PlaceKey, Place> places_;
  std::map<std::string, Host> hosts_;
  // By hour, interface and account: what waits for the watermarks.
  std::map<std::pair<std::int32_t, std::pair<std::string, std::string>>, Sightings::Hour> flows_;
  std::map<std::pair<std::string, std::int32_t>, SkipDay> skips_;            // by interface and day
  std::map<std::pair<std::string, std::int32_t>, std::uint64_t> evictions_;  // by table and day
  // Records by day and account; of the days around the newest.
  std::map<std::int32_t, std::map<std::string, std::uint64_t>> processed_;
  TimeMs clock_ = 0;
  std::set<std::uint64_t> faults_;  // of digests that were told
  ProofRecord newest_;              // of all objects
  Output now_;                      // of this epoch
};

}  // namespace picket
