#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Sessions of roles do not tell whether their identity provider asked for a second factor, so only those of
// users and root count.
std::optional<Evidence> removes_factor(const CloudTrailEvent& call, const Context&) {
  const UserIdentity& identity = call.user_identity;
  if ((identity.type != "IAMUser" && identity.type != "Root") || identity.mfa_authenticated == "true" ||
      through_service(identity))
    return std::nullopt;
  const auto user = call.request_parameters.find("userName");
  Evidence evidence{{"of", user && user != identity.user_name ? *user : std::string("itself")}};
  return by_outcome(call, std::move(evidence));
}

}  // namespace

extern const Detector second_factor_removed = {
    .types = {{.name = "DefenseEvasion:IAMUser/SecondFactorRemoved",
               .severity = Severity::medium,
               .mitre = {"TA0005",
                         "T1556.006"},  // Modify Authentication Process: Multi-Factor Authentication
               .origin = Origin::picket,
               .title = "{principal}, who showed no second factor, took one away.",
               .description =
                   "{principal} called DeactivateMFADevice from {remote_ip} without having shown a second "
                   "factor; the device was that of: {of}. From now on a password is enough there."}},
    .summary = "An IAM user or root took a second factor away without having shown one.",
    .when = {calls("iam.amazonaws.com", {"DeactivateMFADevice"})},
    .issue = {key::principal},
    .logic = each(removes_factor),
    .blind_spots =
        "Sessions of roles, which do not tell of second factors, and devices that an attacker adds.",
};

}  // namespace picket::detectors
