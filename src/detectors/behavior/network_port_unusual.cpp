#include <string>
#include <vector>

#include "detectors/shared/host_habits.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

using namespace threshold;

// STUN and TURN, by which calls and meetings find a way through NAT (RFC 8489; Teams and Google Meet use the
// ports around them too).
bool sets_up_calls(const Talk& talk) {
  constexpr std::uint8_t udp = 17;
  return talk.protocol == udp && ((talk.remote_port >= 3478 && talk.remote_port <= 3481) ||
                                  (talk.remote_port >= 19302 && talk.remote_port <= 19309));
}

void judge_ports(const HostDay& day, const HostNorms& norms, const Judging&, Emit& emit) {
  if (day.services.entries().empty() || has_any_port(day)) return;
  const HostHabits habits(day, norms);
  if (habits.known() == HostHabits::Known::nobody) return;
  if (habits.usual_days(HostTrait::began_service, 0) >= explorer_days_min) return;
  std::vector<std::pair<std::uint64_t, const Talk*>> fresh;
  for (const auto& [service, talk] : day.services.entries()) {
    if (habits.usual_days(HostTrait::service, service) == 0 && !sets_up_calls(talk))
      fresh.emplace_back(service, &talk);
  }
  if (fresh.size() > new_ports_max) return;
  for (const auto& [service, talk] : fresh) {
    if (habits.is_habit_of_account(HostTrait::service, service)) continue;
    if (habits.account_days(HostTrait::taken_up, service) >= taken_up_days_min) continue;
    if (habits.account_days(HostTrait::service_peer, service_peer_thing(*talk)) > 0) continue;
    if (habits.is_rolled_out(HostTrait::service, service)) continue;
    const bool ldap = talk->remote_port == ldap_port || talk->remote_port == ldap_exploit_port;
    Evidence evidence{
        {"unusual.remote_port", std::to_string(talk->remote_port)},
        {"local_port", std::to_string(talk->local_port)},
        {"out_bytes", std::to_string(talk->bytes_out)},
        {"account_days_of_last_30", std::to_string(habits.account_days(HostTrait::service, service))}};
    if (ldap) evidence.add("context", "Possible log4j callback");
    habits.tell_history(evidence);
    emit.detection(ldap ? std::move(evidence).with(Severity::high) : std::move(evidence),
                   habits.subject(*talk), talk->records, talk->first.proof(), talk->last.proof());
  }
}

}  // namespace

extern const Detector network_port_unusual = {
    .types = {{.name = "Behavior:EC2/NetworkPortUnusual",
               .severity = Severity::medium,
               .mitre = {"TA0011", "T1571"},  // Command and Control: Non-Standard Port
               .role = ResourceRole::actor,
               .title = "{host} talks to {remote_ip} on port {remote_port}, which it never used.",
               .description =
                   "{host} exchanged data with {remote_ip} on remote port {remote_port}, on which neither it "
                   "nor enough of its account talked in the last 30 days."}},
    .summary =
        "An instance exchanged data with a public address on a server port that neither it nor its account "
        "used in the last 30 days.",
    .when = {flows()},
    .issue = {key::host, key::remote_port},
    .logic = learned(judge_ports),
    .blind_spots =
        "The first two days of a host in a subnet of less than two weeks, ports 25, 53, 80, 123, 443 and "
        "853 (mail and name resolution have types of their own), UDP ports of STUN and TURN, remote ports "
        "from 32768 on without TCP "
        "flags in the log, private and IPv6-only peers, hosts that begin something new every week, and what "
        "half of a subnet takes up on the same day.",
};

}  // namespace picket::detectors
