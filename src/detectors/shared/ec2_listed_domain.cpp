#include "detectors/shared/intel_hits.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

enum Type : std::size_t { c2, mining, blackhole, drop_point, drive_by, phishing };

std::optional<Evidence> asked_for_listed(const DnsQuery& query, const Context& context) {
  for (const auto& [category, type] : {std::pair{IntelCategory::c2, c2},
                                       {IntelCategory::mining, mining},
                                       {IntelCategory::drop_point, drop_point},
                                       {IntelCategory::sinkhole, blackhole},
                                       {IntelCategory::drive_by, drive_by},
                                       {IntelCategory::phishing, phishing}}) {
    const IntelHit* hit = best_hit(context.hits, {category}, query.query_timestamp);
    if (hit == nullptr) continue;
    Evidence evidence{{"query_type", std::string(query.query_type)}, {"rcode", std::string(query.rcode)}};
    add_hit(evidence, *hit, query.query_timestamp);
    return std::move(evidence).as(type);
  }
  return std::nullopt;
}

}  // namespace

extern const Detector ec2_listed_domain = {
    .types = {{.name = "Backdoor:EC2/C&CActivity.B!DNS",
               .severity = Severity::high,
               .mitre = {"TA0011", "T1071.004"},  // Command and Control: Application Layer Protocol: DNS
               .title = "{host} asked for the command and control domain {domain}.",
               .description =
                   "{host} asked for {domain}, a command and control domain of threat list {threat_list}."},
              {.name = "CryptoCurrency:EC2/BitcoinTool.B!DNS",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1496"},  // Impact: Resource Hijacking
               .title = "{host} asked for {domain}, which serves cryptocurrency mining.",
               .description =
                   "{host} asked for {domain}, which threat list {threat_list} knows for cryptocurrency "
                   "mining."},
              {.name = "Trojan:EC2/BlackholeTraffic!DNS",
               .severity = Severity::medium,
               .mitre = {"TA0011", "T1071.004"},
               .title = "{host} asked for {domain}, which leads to a sinkhole.",
               .description =
                   "{host} asked for {domain}, a name of known malware that leads to a sinkhole; threat "
                   "list {threat_list}."},
              {.name = "Trojan:EC2/DropPoint!DNS",
               .severity = Severity::medium,
               .mitre = {"TA0010", "T1041"},  // Exfiltration: over C2 Channel
               .title = "{host} asked for {domain}, which collects stolen data.",
               .description =
                   "{host} asked for {domain}, which threat list {threat_list} knows as a drop point of "
                   "stolen data."},
              {.name = "Trojan:EC2/DriveBySourceTraffic!DNS",
               .severity = Severity::high,
               .mitre = {"TA0001", "T1189"},  // Initial Access: Drive-by Compromise
               .title = "{host} asked for {domain}, which serves drive-by downloads.",
               .description =
                   "{host} asked for {domain}, which threat list {threat_list} knows for infecting its "
                   "visitors."},
              {.name = "Trojan:EC2/PhishingDomainRequest!DNS",
               .severity = Severity::high,
               .mitre = {"TA0001", "T1566"},  // Initial Access: Phishing
               .title = "{host} asked for the phishing domain {domain}.",
               .description = "{host} asked for {domain}, a phishing domain of threat list {threat_list}."}},
    .summary =
        "An instance asked for a domain known for command and control, mining, stolen data, drive-by "
        "downloads or phishing, or led to a sinkhole.",
    .when = {listed_domain({"c2", "mining", "drop_point", "sinkhole", "drive_by", "phishing"})},
    .issue = {key::host, key::domain},
    .logic = each(asked_for_listed),
    .blind_spots = "Answers from the resolver's cache are not logged, nor are queries to other resolvers.",
};

}  // namespace picket::detectors
