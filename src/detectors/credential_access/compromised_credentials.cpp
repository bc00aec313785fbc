#include "detectors/shared/intel_hits.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// AWS attaches one of these managed policies itself when it finds a user's key in public.
constexpr std::string_view quarantine_policy = ":aws:policy/AWSCompromisedKeyQuarantine";

std::optional<Evidence> quarantined(const CloudTrailEvent& call) {
  if (call.event_name != "AttachUserPolicy" || call.event_source != "iam.amazonaws.com") return std::nullopt;
  const auto policy = call.request_parameters.find("policyArn");
  if (!policy || !policy->contains(quarantine_policy) || outcome(call) != Outcome::success)
    return std::nullopt;
  return Evidence{{"user", call.request_parameters.find("userName")},
                  {"told_by", "AWS attached " + policy->substr(policy->rfind('/') + 1)}};
}

std::optional<Evidence> uses_leaked_key(const CloudTrailEvent& call, const Context& context) {
  if (context.key_hits.empty()) return quarantined(call);
  const IntelHit& hit = context.key_hits.front();
  Evidence evidence{{"user", principal_of(call).name},
                    {"api", std::string(call.event_name)},
                    {"told_by", "the access key is on list " + hit.indicator->list},
                    {"threat_list", hit.indicator->list},
                    {"indicator", std::string(hit.entry)}};
  if (!call.error_code.empty()) evidence.add("error", std::string(call.error_code));
  return evidence;
}

}  // namespace

extern const Detector compromised_credentials = {
    .types =
        {{.name = "CredentialAccess:IAMUser/CompromisedCredentials",
          .severity = Severity::high,
          .mitre = {"TA0006", "T1078.004"},  // Valid Accounts: Cloud Accounts
          .title = "Credentials of {user} are known to be compromised.",
          .description =
              "{told_by}; {api} was called from {remote_ip}. Whoever else has the key of {user} may do all "
              "that {user} may."}},
    .summary =
        "A key that a list calls leaked was used, or AWS quarantined a user whose key it found in public.",
    .when = {any_call()},
    .issue = {key::evidence("user")},
    .logic = each(uses_leaked_key),
    .blind_spots =
        "Leaked keys that no list of yours names and AWS did not find: Amazon's own intelligence of leaked "
        "keys "
        "is not public.",
};

}  // namespace picket::detectors
