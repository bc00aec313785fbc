// The ports one host tried of another in one window. Order-free: add and merge commute.
#pragma once

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
  std::size_t bytes() const { return pair_.bytes() + ports_.capacity() * sizeof(std::uint16_t); }
  template <class Ar>
  void io(Ar& ar) {
    ar(pair_, ports_);
  }

 private:
  FlowPair pair_;
  std::vector<std::uint16_t> ports_;  // sorted, the lowest threshold::scan_ports_kept
};

}  // namespace picket::detectors
