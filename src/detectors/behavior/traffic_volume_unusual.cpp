#include <algorithm>
#include <string>

#include "detectors/shared/host_habits.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

using namespace threshold;

void judge_volume(const HostDay& day, const HostNorms& norms, const Judging& judging, Emit& emit) {
  // Whoever sends much to so many has no peer that stands out.
  if (day.bulk.entries().empty() || day.bulk.counted() < day.bulk.entries().size()) return;
  const HostHabits habits(day, norms);
  for (const auto& [hash, talk] : day.bulk.entries()) {
    if (talk.bytes_out < volume_bytes_min || talk.bytes_out < volume_one_way_factor * talk.bytes_in) continue;
    if (habits.known() == HostHabits::Known::nobody) return;
    const std::uint64_t usual = norms.usual_volume(day.host);
    if (talk.bytes_out < volume_factor * usual) continue;
    const std::uint64_t network = network_thing(talk.remote, judging.facts);
    const unsigned days = habits.account_days(HostTrait::bulk, network);
    const std::uint64_t before = bulk_unit * norms.most(host_trait(day.everyone, HostTrait::bulk, network));
    if (days >= volume_days_min && talk.bytes_out < volume_factor * before) continue;
    // A weekly job's second time looks like its first.
    if (days > 0 && talk.bytes_out <= volume_again_factor * before) continue;
    if (habits.is_rolled_out(HostTrait::bulk, network)) continue;
    Evidence evidence{{"out_bytes", std::to_string(talk.bytes_out)},
                      {"in_bytes", std::to_string(talk.bytes_in)},
                      {"usual_bytes_a_day", std::to_string(usual)},
                      {"most_to_this_network_before", std::to_string(before)},
                      {"local_port", std::to_string(talk.local_port)}};
    habits.tell_history(evidence);
    emit.detection(std::move(evidence), habits.subject(talk), talk.records, talk.first.proof(),
                   talk.last.proof());
  }
}

}  // namespace

extern const Detector traffic_volume_unusual = {
    .types = {{.name = "Behavior:EC2/TrafficVolumeUnusual",
               .severity = Severity::medium,
               .mitre = {"TA0010", "T1048"},  // Exfiltration Over Alternative Protocol
               .role = ResourceRole::actor,
               .title = "{host} sends {remote_ip} far more than it ever sends.",
               .description =
                   "{host} sent {out_bytes} bytes to {remote_ip} within a day; on half of its days the host "
                   "it sends most gets {usual_bytes_a_day} at most, and nobody of the account ever sent that "
                   "network a tenth as much."}},
    .summary =
        "An instance sent a public address a gigabyte or more within a day, ten times what it usually sends "
        "anybody and what its account sends that network.",
    .when = {flows()},
    .issue = {key::host, key::remote_ip},
    .logic = learned(judge_volume),
    .blind_spots =
        "Less than a gigabyte a day and remote host, records of less than 256 KiB, what clients fetch from "
        "the instance, uploads to a network that already receives much, or was sent half as much once before "
        "(Amazon's own counts as one "
        "when its ranges are known), the first two days of a host in a subnet of less than two weeks, and "
        "what "
        "grows by less than ten times every two days.",
};

}  // namespace picket::detectors
