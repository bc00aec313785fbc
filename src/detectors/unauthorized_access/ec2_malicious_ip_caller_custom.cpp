#include "detectors/shared/ec2_listed_peer.h"
#include "detectors/shared/intel_hits.h"

namespace picket::detectors {

extern const Detector ec2_malicious_ip_caller_custom;

namespace {

std::optional<Evidence> met_own_list(const FlowRecord& flow, const Context& context) {
  const bool inward = context.listed_is_source;
  if (!(inward ? flow.srcaddr : flow.dstaddr).is_public()) return std::nullopt;
  // What the security group refused did not get in; a probe or its answer is no traffic with the instance.
  const auto opened = opened_by_source(flow);
  const bool tried = !inward && opened == true;
  if (!tried && !exchanged(flow)) return std::nullopt;
  const IntelHit* hit = best_hit(context.hits, {IntelCategory::custom}, flow.start_ms());
  if (hit == nullptr) return std::nullopt;
  Evidence evidence{{"local_port", std::to_string(inward ? flow.dstport : flow.srcport)},
                    {"remote_port", std::to_string(inward ? flow.srcport : flow.dstport)}};
  add_hit(evidence, *hit, flow.start_ms());
  return evidence;
}

}  // namespace

extern const Detector ec2_malicious_ip_caller_custom = {
    .types = {{.name = "UnauthorizedAccess:EC2/MaliciousIPCaller.Custom",
               .severity = Severity::medium,
               .mitre = {"TA0011", "T1071"},  // Command and Control: Application Layer Protocol
               .title = "{host} exchanges traffic with {remote_ip} of your threat list.",
               .description =
                   "{host} and {remote_ip}, an address of your threat list {threat_list}, exchanged "
                   "traffic."},
              {.name = "UnauthorizedAccess:Lambda/MaliciousIPCaller.Custom",
               .severity = Severity::medium,
               .mitre = {"TA0011", "T1071"},
               .resource = ResourceKind::lambda,
               .title = "Lambda function {host} exchanges traffic with {remote_ip} of your threat list.",
               .description = "Lambda function {host} and {remote_ip}, an address of your threat list "
                              "{threat_list}, exchanged traffic."}},
    .summary =
        "An instance or Lambda function exchanged traffic with an address of the user's own threat list.",
    .when = {listed_peer({"custom"})},
    .issue = {key::host, key::remote_ip},
    .logic = each(met_own_list),
    .with_facts =
        [](Detection& detection, const Facts& facts) {
          place_on_lambda(detection, facts, ec2_malicious_ip_caller_custom);
          return true;
        },
    .blind_spots = "Refused or unanswered attempts from the listed address.",
};

}  // namespace picket::detectors
