#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> mirrors(const CloudTrailEvent& call, const Context&) {
  if (through_service(call.user_identity)) return std::nullopt;
  Evidence evidence{{"api", std::string(call.event_name)}};
  const auto add = [&](std::string_view name, std::string_view path) {
    evidence.add(name, call.request_parameters.find(path));
  };
  add("interface", "CreateTrafficMirrorSessionRequest.NetworkInterfaceId");
  add("target", "CreateTrafficMirrorSessionRequest.TrafficMirrorTargetId");
  return by_outcome(call, std::move(evidence));
}

}  // namespace

extern const Detector traffic_mirrored = {
    .types = {{.name = "Exfiltration:IAMUser/TrafficMirrored",
               .severity = Severity::medium,
               .mitre = {"TA0010", "T1020.001"},  // Automated Exfiltration: Traffic Duplication
               .origin = Origin::picket,
               .title = "{principal} had an instance's traffic copied elsewhere.",
               .description =
                   "{principal} called {api} from {remote_ip}. What passes the network interface is sent to "
                   "another machine too, where whatever is not encrypted can be read."}},
    .summary = "A traffic mirror session was made: all that passes a network interface is copied.",
    .when = {calls("ec2.amazonaws.com", {"CreateTrafficMirrorSession"})},
    .issue = {key::principal},
    .logic = each(mirrors),
    .blind_spots =
        "Traffic led through an attacker's machine by routes or peering, and what is changed about "
        "a session that exists.",
};

}  // namespace picket::detectors
