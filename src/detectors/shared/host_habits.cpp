#include "detectors/shared/host_habits.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace picket::detectors {

using namespace threshold;

HostHabits::HostHabits(const HostDay& day, const HostNorms& norms) : day_(day), norms_(norms) {
  const auto present = [&](std::uint64_t scope) { return days(scope, HostTrait::present, 0); };
  if (present(day.host) >= host_days_min) {
    known_ = Known::host;
  } else if (present(day.neighbours) >= neighbours_days_min) {
    known_ = Known::neighbours;
  } else if (present(day.everyone) >= account_days_min && present(day.host) >= settled_days_min) {
    known_ = Known::account;
  }
}

unsigned HostHabits::usual_days(HostTrait kind, std::uint64_t thing) const {
  const unsigned own = host_days(kind, thing);
  switch (known_) {
    case Known::host:
      return own;
    case Known::neighbours:
      return std::max(own, days(day_.neighbours, kind, thing));
    default:
      return std::max(own, account_days(kind, thing));
  }
}

bool HostHabits::is_habit_of_account(HostTrait kind, std::uint64_t thing) const {
  return account_days(HostTrait::many, host_trait(day_.everyone, kind, thing)) >= many_days_min;
}

bool HostHabits::is_rolled_out(HostTrait kind, std::uint64_t thing) const {
  const auto today = [&](HostTrait of, std::uint64_t what) {
    return norms_.hosts_today(host_trait(day_.neighbours, of, what), day_.day);
  };
  const std::uint64_t hosts = today(kind, thing);
  return hosts >= rollout_hosts_min && 2 * hosts >= today(HostTrait::present, 0);
}

Subject HostHabits::subject(const Talk& talk) const {
  Subject subject;
  subject.resource = ResourceKind::instance;
  subject.action = ActionKind::network_connection;
  subject.remote_ip = talk.remote;
  InstanceSubject instance;
  instance.interface_id = day_.interface.view();
  instance.local_ip = day_.local;
  subject.instance = std::move(instance);
  subject.connection = NetworkConnection{.direction = Direction::outbound,
                                         .protocol = talk.protocol,
                                         .local_port = talk.local_port,
                                         .remote_port = talk.remote_port};
  return subject;
}

void HostHabits::tell_history(Evidence& evidence) const {
  constexpr std::array<std::string_view, 4> names = {"nobody", "account", "neighbours", "host"};
  evidence.add("known_by", std::string(names[static_cast<std::size_t>(known_)]));
  evidence.add("host_days_of_last_30", std::to_string(host_days(HostTrait::present, 0)));
}

}  // namespace picket::detectors
