// Two flow logs over the same interfaces (of a VPC and of its subnet, say) tell everything twice. Where an
// account's Region has more than one flow log, each minute of each interface is counted from one of them: the
// one that claimed it in an earlier epoch, else, of those that have it in this epoch, the one with the least
// id. A first pass over such objects collects who has which minute; it costs decoding them twice and is made
// only where flow logs can overlap.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/archive.h"
#include "base/hash.h"
#include "decode/sink.h"

namespace picket {

// "fl-0123456789abcdef0" in a delivered object's key; empty when there is none.
std::string_view flow_log_id(std::string_view key);

// An interface in a minute.
struct MinuteKey {
  std::uint64_t interface = 0;
  std::int64_t minute = 0;
  static MinuteKey of(const FlowRecord& flow) { return {hash64(flow.interface_id), flow.start / 60}; }
  auto operator<=>(const MinuteKey&) const = default;
};
struct MinuteHash {
  using is_avalanching = void;
  std::size_t operator()(const MinuteKey& key) const {
    return hash_mix(key.interface, static_cast<std::uint64_t>(key.minute));
  }
};

// The first pass over one object.
class MinuteCollector final : public EventSink {
 public:
  void on_cloudtrail(const CloudTrailEvent&, std::uint64_t) override {}
  void on_flows(std::span<const FlowRecord> records) override;
  void on_flow_gap(std::string_view, std::string_view, bool, TimeMs, TimeMs, std::uint64_t) override {}
  void on_dns(const DnsQuery&, std::uint64_t) override {}
  void on_audit(const AuditEvent&, std::uint64_t) override {}
  void on_filtered(LogKind, std::uint64_t, std::string_view) override {}
  void on_quarantined(LogKind, const Quarantined&) override {}

  boost::unordered_flat_set<MinuteKey, MinuteHash> minutes;
};

class FlowClaims {
 public:
  // An object of this account and Region is in the input log.
  void note(std::string_view account, std::string_view region, std::string_view flow_log);
  bool overlaps(std::string_view account, std::string_view region) const;
  // Between the passes, in any order of flow logs.
  void claim(std::string_view flow_log, const MinuteCollector& collected);
  // Ends the claiming of an epoch: what was claimed in it stands.
  void settle();
  // Whether this flow log counts for the interface in that minute.
  bool owns(std::string_view flow_log, const MinuteKey& minute) const;
  // Forgets minutes before `time`.
  void forget(TimeMs time);

  void save(Writer& out) const;
  void load(Reader& in);

 private:
  struct Claim {
    std::uint32_t flow_log = 0;  // number in names_
    bool standing = false;       // of an earlier epoch
  };
  std::uint32_t number_of(std::string_view flow_log);
  std::map<std::string, std::set<std::string>> flow_logs_;  // by account and Region
  std::vector<std::string> names_;
  boost::unordered_flat_map<MinuteKey, Claim, MinuteHash> claims_;
};

}  // namespace picket
