#include "detectors/shared/call_burst.h"

namespace picket::detectors {

namespace {

// Distinct instances in ten minutes. An administrator looks up one password, or the few of a group.
constexpr std::size_t instances_min = 5;

class PasswordReads : public InstanceBurst<instances_min> {
 public:
  static bool select(const CloudTrailEvent& call) {
    return !through_service(call.user_identity) && outcome(call) != Outcome::failed;
  }
};

}  // namespace

extern const Detector bulk_password_data = {
    .types = {{.name = "CredentialAccess:IAMUser/BulkPasswordDataRequests",
               .severity = Severity::medium,
               .mitre = {"TA0006", "T1552"},  // Unsecured Credentials
               .origin = Origin::picket,
               .title = "{principal} asked for the administrator passwords of {distinct} instances.",
               .description =
                   "{principal} called GetPasswordData from {remote_ip} for {distinct} different instances "
                   "within ten minutes; the most in any such span before was {most_in_a_window_before}."}},
    .summary =
        "One principal asked for the Windows administrator passwords of many instances in ten minutes; "
        "refused "
        "requests count.",
    .when = {calls("ec2.amazonaws.com", {"GetPasswordData"})},
    .issue = {key::principal},
    .logic = bucket<PasswordReads>({.span = 10 * minute_ms, .bytes_max = 16U << 20}),
    .blind_spots = "Passwords fetched one at a time over hours.",
};

}  // namespace picket::detectors
