// What one registered domain was told in ten minutes, by everyone in the account: information of the distinct
// names below it. Over the day's windows the names add up, so that a slow channel is told too.
#pragma once

#include <map>

#include "detectors/shared/dns_host.h"
#include "state/distinct_sample.h"

namespace picket::detectors {

class NameFlow {
 public:
  static bool select(const DnsQuery& query);
  static std::uint64_t entity(const DnsQuery& query);
  void add(const DnsQuery& query, const ProofRecord& record);
  void merge(const NameFlow& other);

 private:
  struct Told {
    std::uint16_t bits = 0;
    void merge(const Told& other) { bits = std::min(bits, other.bits); }
    template <class Ar>
    void io(Ar& ar) {
      ar(bits);
    }
  };
  using Names = DistinctSample<Told, 64>;
  static std::uint64_t information_bytes(const Names& names);

 public:
  // The most the domain was told in a window until now, and in a day before this one. Days begin at the hour
  // of its first window, so that midnight does not halve a channel.
  struct Baseline {
    std::uint64_t bytes_most = 0, day_bytes_most = 0;
    std::uint32_t windows = 0, days = 0;
    TimeMs begin = 0;      // of the first day
    std::int64_t day = 0;  // since then
    Names names;           // of that day
    std::int64_t day_of(const NameFlow& window) const;
    void fold(const NameFlow& window);
    std::size_t bytes() const { return names.bytes(); }
    template <class Ar>
    void io(Ar& ar) {
      ar(bytes_most, day_bytes_most, windows, days, begin, day, names);
    }
  };
  void judge(const Judging& judging, const Baseline& before, Emit& emit) const;

  std::size_t bytes() const { return names_.bytes() + hosts_.size() * 260; }
  template <class Ar>
  void io(Ar& ar) {
    ar(names_, hosts_, registered_);
  }

 private:
  TimeMs begin() const;  // of its earliest record

  Names names_;
  // Those of smallest hash: enough to tell one from a fleet.
  std::map<std::uint64_t, DnsHost> hosts_;
  std::string registered_;
};

}  // namespace picket::detectors
