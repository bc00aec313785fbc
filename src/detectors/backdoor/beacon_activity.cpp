#include <string>

#include "detectors/shared/host_habits.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

void judge_contacts(const HostDay& day, const HostNorms& norms, const Judging& judging, Emit& emit) {
  if (day.contacts.entries().empty()) return;
  const HostHabits habits(day, norms);
  if (habits.known() == HostHabits::Known::nobody) return;
  for (std::size_t i = 0; i < day.contacts.counted(); ++i) {
    const Contact& contact = day.contacts.entries()[i].second;
    const auto period = period_of(contact);
    if (!period) continue;
    const std::uint64_t network = network_thing(contact.remote, judging.facts);
    if (network == amazon_network) continue;
    if (habits.account_days(HostTrait::periodic, network) > 0) continue;
    if (habits.is_rolled_out(HostTrait::periodic, network)) continue;
    Talk talk;
    talk.remote = contact.remote;
    talk.local_port = contact.local_port;
    talk.remote_port = contact.remote_port;
    talk.protocol = contact.protocol;
    Evidence evidence{{"period_minutes", std::to_string(*period)},
                      {"connections", std::to_string(contact.records)},
                      {"bytes_per_connection", std::to_string(contact.bytes / contact.records)},
                      {"local_port", std::to_string(contact.local_port)}};
    habits.tell_history(evidence);
    emit.detection(std::move(evidence), habits.subject(talk), contact.records, contact.first.proof(),
                   contact.last.proof());
  }
}

}  // namespace

extern const Detector beacon_activity = {
    .types = {{.name = "Backdoor:EC2/BeaconActivity",
               .severity = Severity::medium,
               .mitre = {"TA0011", "T1071.001"},  // Command and Control: Web Protocols
               .role = ResourceRole::actor,
               .origin = Origin::picket,
               .title = "{host} calls {remote_ip} like clockwork.",
               .description =
                   "{host} made {connections} small connections to {remote_ip} about every {period_minutes} "
                   "minutes; nobody of its account did so to that network in the last 30 days."}},
    .summary =
        "An instance makes small connections to a public address at regular intervals, to a network that "
        "nobody of its account called regularly in the last 30 days.",
    .when = {flows()},
    .issue = {key::host, key::remote_ip},
    .logic = learned(judge_contacts),
    .blind_spots =
        "Fewer than twelve connections a day (UTC) or less than three hours of them, periods below 20 "
        "seconds, "
        "jitter above a third, connections without data or of more than 16 KiB, or that last, one in so "
        "many "
        "addresses as a host talks to beyond 24 a day, Amazon's addresses when its ranges are known, and "
        "what "
        "half of a subnet takes up on the same day.",
};

}  // namespace picket::detectors
