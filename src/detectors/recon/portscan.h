// The ports one host tried of another in one window. Order-free: add and merge commute.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <vector>

#include "detectors/shared/flow_pair.h"

namespace picket::detectors {

class PortsTried {
 public:
  static bool select(const FlowRecord& flow);
  static std::uint64_t entity(const FlowRecord& flow);
  void add(const FlowRecord& flow, const ProofRecord& record);
  void merge(const PortsTried& other);
  void judge(const Judging& judging, Emit& emit) const;
  std::size_t bytes() const { return ports_.size() * sizeof(std::uint16_t); }
  template <class Ar>
  void io(Ar& ar) {
    std::vector<std::uint16_t> ports(ports_.begin(), ports_.end());
    ar(pair_, ports);
    ports_.assign(ports.begin(), ports.end());
  }

 private:
  FlowPair pair_;
  // Sorted, the lowest threshold::scan_ports_kept. Nearly every pair has few, so few take no allocation.
  boost::container::small_vector<std::uint16_t, 8> ports_;
};

}  // namespace picket::detectors
