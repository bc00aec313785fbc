#include "detectors/shared/host_habits.h"

#include <algorithm>

namespace picket::detectors {

using namespace threshold;

bool HostHabits::host_is_known() const { return host_days(HostTrait::present, 0) >= host_days_min; }

std::optional<std::string_view> HostHabits::known_by() const {
  if (host_is_known()) return "host";
  if (neighbours_days(HostTrait::present, 0) >= neighbours_days_min) return "neighbours";
  return std::nullopt;
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
  evidence.add("known_by", std::string(known_by().value_or("nobody")));
  evidence.add("host_days_of_last_30", std::to_string(host_days(HostTrait::present, 0)));
  evidence.add("neighbours_days_of_last_30", std::to_string(neighbours_days(HostTrait::present, 0)));
}

}  // namespace picket::detectors
