#include "detectors/shared/call_burst.h"

namespace picket::detectors {

namespace {

// Distinct users in ten minutes whose way in is taken away. One who leaves is one; jobs that clear up after
// many are workloads and get three times as many, and more once it is their habit.
constexpr std::size_t users_min = 5;

class AccessRemovals : public CallBurst {
 public:
  static bool select(const CloudTrailEvent& call) {
    if (through_service(call.user_identity) || outcome(call) == Outcome::failed) return false;
    return call.event_name != "UpdateAccessKey" || call.request_parameters.mentions("Inactive");
  }
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }
  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    for (const std::string_view member : {"userName", "userId", "principalId"}) {
      const auto user = call.request_parameters.find(member);
      if (!user) continue;
      // Who changes keys takes the own old one away.
      if (user != call.user_identity.user_name) CallBurst::add(call, *user, record);
      return;
    }
  }
  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    raise_beyond(users_min, "users in 10 minutes", before, emit);
  }
};

}  // namespace

extern const Detector bulk_access_removal = {
    .types = {{.name = "Impact:IAMUser/BulkAccessRemoval",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1531"},  // Account Access Removal
               .origin = Origin::picket,
               .title = "{principal} took away the access of {distinct} users.",
               .description =
                   "{principal} deleted from {remote_ip} passwords, keys, second factors or users of "
                   "{distinct} others within ten minutes, the last by {api}; the most in any such span "
                   "before was {most_in_a_window_before}. Who is locked out cannot stop what comes next."}},
    .summary =
        "One principal took away passwords, keys, second factors or assignments of many others in ten "
        "minutes, more than twice what it ever did before.",
    .when = {calls("iam.amazonaws.com", {"DeleteLoginProfile", "DeleteAccessKey", "UpdateAccessKey",
                                         "DeactivateMFADevice", "DeleteUser"}),
             calls("sso.amazonaws.com", {"DeleteAccountAssignment"}),
             calls("identitystore.amazonaws.com", {"DeleteUser"})},
    .issue = {key::principal},
    .logic = bucket<AccessRemovals>({.span = 10 * minute_ms, .bytes_max = 16U << 20}),
    .blind_spots = "Few users, policies that deny, and accounts locked out by their identity provider.",
};

}  // namespace picket::detectors
