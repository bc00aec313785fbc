#include "detectors/shared/listed_types.h"

#include <algorithm>

namespace picket::detectors {

namespace {

using enum IntelCategory;
using enum ListedAs;

constexpr ListedType table[] = {
    {c2, peer, "Backdoor:EC2/C&CActivity.B", "Backdoor:Lambda/C&CActivity.B"},
    {mining, peer, "CryptoCurrency:EC2/BitcoinTool.B", "CryptoCurrency:Lambda/BitcoinTool.B"},
    {drop_point, peer, "Trojan:EC2/DropPoint", "Trojan:Lambda/DropPoint"},
    {sinkhole, peer, "Trojan:EC2/BlackholeTraffic", "Trojan:Lambda/BlackholeTraffic"},
    {tor_relay, peer, "UnauthorizedAccess:EC2/TorClient", "UnauthorizedAccess:Lambda/TorClient"},
    {tor_relay, relay, "UnauthorizedAccess:EC2/TorRelay", "UnauthorizedAccess:Lambda/TorRelay"},
    {custom, peer, "UnauthorizedAccess:EC2/MaliciousIPCaller.Custom",
     "UnauthorizedAccess:Lambda/MaliciousIPCaller.Custom"},
    {scanner, visitor, "Recon:EC2/PortProbeUnprotectedPort"},
    {scanner, visitor, "Recon:EC2/PortProbeEMRUnprotectedPort"},
    {c2, name, "Backdoor:EC2/C&CActivity.B!DNS"},
    {mining, name, "CryptoCurrency:EC2/BitcoinTool.B!DNS"},
    {drop_point, name, "Trojan:EC2/DropPoint!DNS"},
    {sinkhole, name, "Trojan:EC2/BlackholeTraffic!DNS"},
    {sinkhole, answer, "Trojan:EC2/BlackholeTraffic!DNS"},
    {drive_by, name, "Trojan:EC2/DriveBySourceTraffic!DNS"},
    {phishing, name, "Trojan:EC2/PhishingDomainRequest!DNS"},
    {dga, name, "Trojan:EC2/DGADomainRequest.C!DNS"},
    {malicious, name, "Impact:EC2/MaliciousDomainRequest.Reputation"},
    {malware, name, "Impact:EC2/MaliciousDomainRequest.Reputation"},
    {malicious_domain, name, "Impact:EC2/MaliciousDomainRequest.Reputation"},
    {mining_domain, name, "Impact:EC2/BitcoinDomainRequest.Reputation"},
    {abused_domain, name, "Impact:EC2/AbusedDomainRequest.Reputation"},
    {suspicious_domain, name, "Impact:EC2/SuspiciousDomainRequest.Reputation"},
    {custom, name, "Impact:EC2/MaliciousDomainRequest.Custom"},
};

}  // namespace

std::span<const ListedType> listed_types() { return table; }

std::optional<std::size_t> type_index(const Detector& detector, std::string_view type) {
  const auto found = std::ranges::find(detector.types, type, &FindingType::name);
  if (found == detector.types.end()) return std::nullopt;
  return static_cast<std::size_t>(found - detector.types.begin());
}

std::vector<std::string_view> types_raised_by(IntelCategory category,
                                              std::span<const Detector* const> detectors) {
  std::vector<std::string_view> types;
  const auto add = [&](std::string_view type) {
    if (!type.empty() && std::ranges::find(types, type) == types.end()) types.push_back(type);
  };
  for (const ListedType& row : table) {
    if (row.category != category) continue;
    add(row.type);
    add(row.lambda_type);
  }
  for (const Detector* detector : detectors) {
    for (const Trigger& trigger : detector->when) {
      const bool caller = trigger.log == LogKind::cloudtrail || trigger.log == LogKind::k8saudit;
      if (!caller || !trigger.listed ||
          std::ranges::find(trigger.categories, to_string(category)) == trigger.categories.end())
        continue;
      for (const FindingType& type : detector->types) add(type.name);
    }
  }
  return types;
}

}  // namespace picket::detectors
