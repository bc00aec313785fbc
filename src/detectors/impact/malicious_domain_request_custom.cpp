#include "detectors/shared/intel_hits.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> asked_for_own_list(const DnsQuery& query, const Context& context) {
  if (!context.listed_answer.empty()) return std::nullopt;  // address lists do not apply to DNS logs
  const IntelHit* hit = best_hit(context.hits, {IntelCategory::custom}, query.query_timestamp);
  if (hit == nullptr) return std::nullopt;
  Evidence evidence{{"query_type", std::string(query.query_type)}, {"rcode", std::string(query.rcode)}};
  add_hit(evidence, *hit, query.query_timestamp);
  return evidence;
}

}  // namespace

extern const Detector malicious_domain_request_custom = {
    .types = {{.name = "Impact:EC2/MaliciousDomainRequest.Custom",
               .severity = Severity::medium,
               .mitre = {"TA0040", "T1071.004"},  // Impact; Application Layer Protocol: DNS
               .title = "{host} asked for {domain} of your threat list.",
               .description = "{host} asked for {domain}, a domain of your threat list {threat_list}."}},
    .summary = "An instance asked for a domain of the user's own threat list.",
    .when = {listed_domain({"custom"})},
    .issue = {key::host, key::domain},
    .logic = each(asked_for_own_list),
    .blind_spots = "Answers from the resolver's cache are not logged, nor are queries to other resolvers.",
};

}  // namespace picket::detectors
