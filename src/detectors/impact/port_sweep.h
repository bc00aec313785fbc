// The addresses one host tried on one port in one window, public ones or those inside. Order-free: add and
// merge commute.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <vector>

#include "detectors/shared/flow_pair.h"

namespace picket::detectors {

class HostsTried {
 public:
  static bool select(const FlowRecord& flow);
  static std::uint64_t entity(const FlowRecord& flow);
  void add(const FlowRecord& flow, const ProofRecord& record);
  void merge(const HostsTried& other);
  void judge(const Judging& judging, Emit& emit) const;
  std::size_t bytes() const { return hosts_.size() * sizeof(IpAddress); }
  template <class Ar>
  void io(Ar& ar) {
    std::vector<IpAddress> hosts(hosts_.begin(), hosts_.end());
    ar(pair_, hosts);
    hosts_.assign(hosts.begin(), hosts.end());
  }

 private:
  FlowPair pair_;
  // Sorted, the lowest threshold::sweep_hosts_kept.
  boost::container::small_vector<IpAddress, 2> hosts_;
};

}  // namespace picket::detectors
