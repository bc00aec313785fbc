// Sessions that look like password guesses, of one pair of hosts on one port, in one hour. Order-free.
#pragma once

#include <array>
#include <cstdint>

#include "detectors/network_thresholds.h"
#include "detectors/shared/flow_pair.h"

namespace picket::detectors {

class PasswordGuessing {
 public:
  // The busiest ten minutes of the pair's earlier hours.
  struct Baseline {
    std::uint32_t sessions_max = 0;
    void fold(const PasswordGuessing& hour) { sessions_max = std::max(sessions_max, hour.busiest()); }
    template <class Ar>
    void io(Ar& ar) {
      ar(sessions_max);
    }
  };

  static bool select(const FlowRecord& flow);
  static std::uint64_t entity(const FlowRecord& flow);
  void add(const FlowRecord& flow, const ProofRecord& record);
  void merge(const PasswordGuessing& other);
  void judge(const Judging& judging, const Baseline& usual, Emit& emit) const;
  template <class Ar>
  void io(Ar& ar) {
    ar(pair_, port_, sessions_, packets_, squares_);
  }

  std::uint32_t busiest() const;  // sessions of the ten minutes with most

 private:
  static constexpr std::size_t parts = threshold::guess_bucket / threshold::guess_span;
  FlowPair pair_;
  std::uint16_t port_ = 0;
  std::array<std::uint32_t, parts> sessions_{};
  std::uint64_t packets_ = 0, squares_ = 0;  // of all sessions' packets: sum, sum of squares
};

}  // namespace picket::detectors
