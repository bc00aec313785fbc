#include <array>

#include "detectors/shared/attempt.h"
#include "detectors/shared/defence_calls.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// The organisation's calls name any service; these watch over its accounts.
constexpr std::array<std::string_view, 9> watching = {
    "guardduty.amazonaws.com",      "malware-protection.guardduty.amazonaws.com",
    "securityhub.amazonaws.com",    "config.amazonaws.com",
    "cloudtrail.amazonaws.com",     "macie.amazonaws.com",
    "inspector2.amazonaws.com",     "detective.amazonaws.com",
    "access-analyzer.amazonaws.com"};

std::optional<Evidence> disables(const CloudTrailEvent& call, const Context&) {
  if (through_service(call.user_identity)) return std::nullopt;
  const RawJson& request = call.request_parameters;
  std::string service(call.event_source.substr(0, call.event_source.find('.')));
  if (call.event_source == "organizations.amazonaws.com") {
    const std::string of = request.find("servicePrincipal").value_or("");
    if (std::ranges::find(watching, of) == watching.end()) return std::nullopt;
    service = of.substr(0, of.find('.'));
  }
  // Other members of the detector are tuned by the same call.
  if (call.event_name == "UpdateDetector" && request.find("enable") != "false") return std::nullopt;
  Evidence evidence{{"service", std::move(service)}, {"api", std::string(call.event_name)}};
  return by_outcome(call, std::move(evidence));
}

}  // namespace

extern const Detector security_service_disabled = {
    .types = {{.name = "DefenseEvasion:IAMUser/SecurityServiceDisabled",
               .severity = Severity::medium,
               .mitre = {"TA0005", "T1562.001"},  // Impair Defenses: Disable or Modify Tools
               .origin = Origin::picket,
               .title = "{principal} switched off what watches over the account.",
               .description =
                   "{principal} called {api} from {remote_ip}, which ends or narrows what {service} sees or "
                   "tells. Who was not meant to do it may want to go on unseen."}},
    .summary =
        "GuardDuty, Security Hub, Config, Macie, Inspector, Detective, Access Analyzer or a CloudTrail Lake "
        "store was switched off, or an account taken out of it.",
    .when = defence_calls(),
    .issue = {key::principal, key::service},
    .logic = each(disables),
    .blind_spots =
        "Filters, suppression rules and trusted lists, which hide findings while all stays on, and "
        "stacks taken down by CloudFormation.",
};

}  // namespace picket::detectors
