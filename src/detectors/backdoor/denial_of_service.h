// What two hosts sent each other at a flood's rate, in one window. Order-free: add and merge commute.
#pragma once

#include <array>
#include <cstdint>

#include "detectors/shared/flow_pair.h"

namespace picket::detectors {

class Flood {
 public:
  enum Kind : std::uint8_t { dns, tcp, udp, udp_on_tcp_ports, udp_443, unusual_protocol, gre, kinds };

  static bool select(const FlowRecord& flow);
  static std::uint64_t entity(const FlowRecord& flow);
  void add(const FlowRecord& flow, const ProofRecord& record);
  void merge(const Flood& other);
  void judge(const Judging& judging, Emit& emit) const;
  template <class Ar>
  void io(Ar& ar) {
    ar(pair_, sides_);
  }

 private:
  struct Side {
    std::array<std::uint64_t, kinds> flood{};  // packets of records that look like a flood of that kind
    std::uint64_t slow_udp = 0;                // those of kind udp that are no flood by themselves
    std::array<std::uint64_t, 3> all{};        // packets of every record taken, by protocol: TCP, UDP, other
    template <class Ar>
    void io(Ar& ar) {
      ar(flood, slow_udp, all);
    }
  };

  FlowPair pair_;
  std::array<Side, 2> sides_;  // sent by the lower address, by the higher
};

}  // namespace picket::detectors
