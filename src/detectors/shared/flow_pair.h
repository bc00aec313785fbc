// What every flow window keeps of two hosts on one interface: who they are, how many records, the first and
// the last of them. Kept small: there may be a hundred thousand at a time.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "base/hash.h"
#include "engine/window.h"
#include "state/flow_stamp.h"

namespace picket::detectors {

class FlowPair {
 public:
  static std::uint64_t entity(const FlowRecord& flow, const IpAddress& a, const IpAddress& b) {
    std::uint64_t hash = hash64(flow.interface_id);
    for (const IpAddress* ip : {&a, &b}) hash = hash_mix(hash_mix(hash, ip->high()), ip->low());
    return hash;
  }

  void add(const FlowRecord& flow, const ProofRecord& record);
  void merge(const FlowPair& other);

  // The interface's own address of the two: by the inventory or what its records have in common, else by one
  // being private and the other public. Nothing when it cannot be told.
  std::optional<IpAddress> local(const Judging& judging) const;
  // As the earliest record shows it, seen from `local`.
  Subject subject(const IpAddress& local, Direction direction) const;

  std::uint64_t records() const { return records_; }
  ProofRecord first() const { return first_.proof(); }
  ProofRecord last() const { return last_.proof(); }
  const IpAddress& source() const { return source_; }  // of the earliest record
  const IpAddress& destination() const { return destination_; }

  template <class Ar>
  void io(Ar& ar) {
    ar(interface_, source_, destination_, source_port_, destination_port_, protocol_, rejected_, records_,
       first_, last_);
  }

 private:
  ShortText interface_;
  IpAddress source_, destination_;
  std::uint16_t source_port_ = 0, destination_port_ = 0;
  std::uint8_t protocol_ = 0;
  bool rejected_ = false;
  std::uint64_t records_ = 0;
  FlowStamp first_, last_;
};

}  // namespace picket::detectors
