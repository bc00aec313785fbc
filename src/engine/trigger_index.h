// Detectors indexed by what they want, so that a record meets only those.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "engine/detector.h"

namespace picket {

class TriggerIndex {
 public:
  explicit TriggerIndex(std::span<const Detector* const> detectors);

  struct CallEntry {
    std::vector<std::uint16_t> detectors;
    bool fact = false;       // tells something about resources (Facts::interesting)
    bool tells_aim = false;  // its parameters may tell what it is for (state/call_aim.h)
    // Serves a tactic in an intruder's hands: index of listed_apis(), or none.
    std::uint16_t risky = no_api;
    bool issues_key = false;  // its response may hold a new access key
  };
  static constexpr std::uint16_t no_api = 0xffff;
  // CloudTrail calls by service and API name; nullptr when nobody asks for it by name.
  const CallEntry* call(std::string_view event_source, std::string_view api_name) const {
    const auto at = calls_.find(call_hash(event_source, api_name));
    return at == calls_.end() ? nullptr : &at->second;
  }
  struct Listed {
    std::uint16_t detector = 0;
    std::uint32_t categories = 0;  // bit set of IntelCategory; 0 = any
  };
  std::span<const std::uint16_t> every_call() const { return every_call_; }
  std::span<const Listed> listed(LogKind log) const { return listed_[static_cast<std::size_t>(log)]; }
  struct Window {
    std::uint16_t detector = 0;
    const WindowLogic* logic = nullptr;
  };
  std::span<const Window> windows(LogKind log) const { return windows_[static_cast<std::size_t>(log)]; }
  // Flow and DNS detectors that look at each record.
  std::span<const std::uint16_t> every(LogKind log) const { return every_[static_cast<std::size_t>(log)]; }
  std::span<const std::uint16_t> objects() const { return objects_; }
  struct Audit {
    std::uint16_t detector = 0;
    const Trigger* trigger = nullptr;
  };
  // Audit triggers that name this verb on this resource, and those that leave one of the two open and want
  // to be asked.
  std::span<const Audit> audits(const AuditEvent& event) const {
    const AuditObject& object = event.object_ref;
    const auto at = audits_named_.find(audit_hash(event.verb, object.resource, object.subresource));
    return at == audits_named_.end() ? std::span<const Audit>{} : at->second;
  }
  std::span<const Audit> open_audits() const { return audits_; }
  // Whether somebody wants to know what is normal in the log.
  bool learns(LogKind log) const { return learns_[static_cast<std::size_t>(log)]; }
  // The one that says what a request to a cluster may be.
  const Detector* cluster_behaviours() const { return cluster_behaviours_; }
  static bool wants(const Trigger& trigger, const AuditEvent& event);
  static std::uint32_t bit(IntelCategory category) { return 1U << static_cast<unsigned>(category); }

 private:
  static std::uint64_t call_hash(std::string_view source, std::string_view name) {
    return hash_mix(hash64(source), hash64(name));
  }
  static std::uint64_t audit_hash(std::string_view verb, std::string_view resource,
                                  std::string_view subresource) {
    return hash_mix(call_hash(verb, resource), hash64(subresource));
  }
  boost::unordered_flat_map<std::uint64_t, CallEntry> calls_;
  boost::unordered_flat_map<std::uint64_t, std::vector<Audit>> audits_named_;
  std::vector<std::uint16_t> every_call_, objects_;
  std::vector<std::uint16_t> every_[log_kinds.size()];
  std::vector<Listed> listed_[log_kinds.size()];
  std::vector<Window> windows_[log_kinds.size()];
  std::vector<Audit> audits_;
  bool learns_[log_kinds.size()] = {};
  const Detector* cluster_behaviours_ = nullptr;
};

// Whether `hits` holds one of the categories.
inline bool any_listed(std::span<const IntelHit> hits, std::uint32_t categories) {
  if (categories == 0) return !hits.empty();
  for (const IntelHit& hit : hits) {
    if ((TriggerIndex::bit(hit.indicator->category) & categories) != 0) return true;
  }
  return false;
}

}  // namespace picket
