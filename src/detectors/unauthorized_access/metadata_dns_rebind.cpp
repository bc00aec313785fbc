#include <algorithm>
#include <array>

#include "engine/detector.h"

namespace picket::detectors {

namespace {

// AWS's own names of the instance metadata service.
constexpr std::array<std::string_view, 2> own_names = {"instance-data", "instance-data.ec2.internal"};

// Where credentials are handed out without a question: of instances, of ECS's tasks, of EKS's pods.
bool hands_out_credentials(const DnsAnswer& answer) {
  if (answer.type == "A")
    return answer.rdata == "169.254.169.254" || answer.rdata == "169.254.170.2" ||
           answer.rdata == "169.254.170.23";
  if (answer.type != "AAAA" || !(answer.rdata.starts_with('f') || answer.rdata.starts_with('F')))
    return false;
  const auto ip = IpAddress::parse(answer.rdata);
  static const auto of_instances = IpAddress::parse("fd00:ec2::254"),
                    of_pods = IpAddress::parse("fd00:ec2::23");
  return ip && (ip == of_instances || ip == of_pods);
}

std::optional<Evidence> leads_to_metadata(const DnsQuery& query, const Context&) {
  const auto rebound = std::find_if(query.answers.begin(), query.answers.end(), hands_out_credentials);
  if (rebound == query.answers.end()) return std::nullopt;
  std::string_view name = query.query_name;
  if (name.ends_with('.')) name.remove_suffix(1);
  const auto same = [&](std::string_view own) {
    return std::equal(name.begin(), name.end(), own.begin(), own.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; });
  };
  if (std::any_of(own_names.begin(), own_names.end(), same)) return std::nullopt;
  return Evidence{{"answer", std::string(rebound->rdata)}};
}

}  // namespace

extern const Detector metadata_dns_rebind = {
    .types = {{.name = "UnauthorizedAccess:EC2/MetadataDNSRebind",
               .severity = Severity::high,
               .mitre = {"TA0006", "T1552.005"},  // Credential Access: Cloud Instance Metadata API
               .title = "{domain} led {host} to its own credentials.",
               .description = "{host} asked for {domain} and got {answer}, where an instance's metadata "
                              "service, or that of a task or pod, hands out "
                              "credentials; whoever owns the name may read them."}},
    .summary = "A domain name resolved to an address where instances, tasks or pods get their credentials.",
    .when = {queries()},
    .issue = {key::host, key::domain},
    .logic = each(leads_to_metadata),
    .blind_spots =
        "Names that resolve to other private addresses; answers from the resolver's cache are not logged.",
};

}  // namespace picket::detectors
