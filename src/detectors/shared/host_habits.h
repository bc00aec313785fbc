// What the detectors of learned network behaviour ask of a host's day and its norms.
#pragma once

#include <cstdint>

#include "detectors/learned_thresholds.h"
#include "engine/detector.h"
#include "engine/host_day.h"

namespace picket::detectors {

class HostHabits {
 public:
  HostHabits(const HostDay& day, const HostNorms& norms);

  // Whose history is long enough to call something unusual.
  enum class Known : std::uint8_t { nobody, account, neighbours, host };
  Known known() const { return known_; }
  bool host_is_known() const { return known_ == Known::host; }
  // On how many days those did it whose history counts: the host's own, else that of the hosts around it.
  unsigned usual_days(HostTrait kind, std::uint64_t thing) const;
  unsigned host_days(HostTrait kind, std::uint64_t thing) const { return days(day_.host, kind, thing); }
  unsigned account_days(HostTrait kind, std::uint64_t thing) const {
    return days(day_.everyone, kind, thing);
  }
  // Several hosts of the account did it on several days.
  bool is_habit_of_account(HostTrait kind, std::uint64_t thing) const;
  // A good part of the subnet does it today: a deployment.
  bool is_rolled_out(HostTrait kind, std::uint64_t thing) const;

  // As the earliest record of the talk shows it.
  Subject subject(const Talk& talk) const;
  // How long who is known, for the finding.
  void tell_history(Evidence& evidence) const;

 private:
  unsigned days(std::uint64_t scope, HostTrait kind, std::uint64_t thing) const {
    return norms_.days(host_trait(scope, kind, thing), day_.day);
  }
  const HostDay& day_;
  const HostNorms& norms_;
  Known known_ = Known::nobody;
};

}  // namespace picket::detectors
