#include "detectors/shared/call_burst.h"
#include "detectors/shared/defence_calls.h"

namespace picket::detectors {

namespace {

// Refused attempts within an hour at what would each have been a finding. One may be a slip.
constexpr std::size_t attempts_min = 3;

class RefusedAttempts : public CallBurst {
 public:
  static bool select(const CloudTrailEvent& call) {
    return !through_service(call.user_identity) && outcome(call) == Outcome::denied &&
           !call.error_code.contains("DryRun");
  }
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }
  // One attempt is a call at a target; a client that retries the same is still at its first.
  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    std::string attempt(call.event_name);
    attempt += call.request_parameters.text();
    CallBurst::add(call, attempt, record);
  }
  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    if (!beyond(attempts_min, before)) return;
    raise(Evidence{{"threshold", std::to_string(attempts_min) + " different refused attempts in an hour"}},
          before, emit);
  }
};

// Those of the detectors that keep a refused attempt as a signal.
std::vector<Trigger> attempts() {
  std::vector<Trigger> all = defence_calls();
  all.insert(
      all.end(),
      {calls("cloudtrail.amazonaws.com", {"StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors"}),
       calls("s3.amazonaws.com",
             {"PutBucketLogging", "PutBucketPolicy", "PutBucketAcl", "PutBucketPublicAccessBlock",
              "DeleteBucketPublicAccessBlock", "PutPublicAccessBlock", "DeletePublicAccessBlock",
              "PutAccountPublicAccessBlock", "DeleteAccountPublicAccessBlock"}),
       calls("bedrock.amazonaws.com",
             {"DeleteModelInvocationLoggingConfiguration", "PutModelInvocationLoggingConfiguration"}),
       calls("iam.amazonaws.com", {"UpdateAccountPasswordPolicy", "DeleteAccountPasswordPolicy"}),
       calls("sts.amazonaws.com", {"GetFederationToken"}),
       calls("eks.amazonaws.com", {"AssociateAccessPolicy"})});
  return all;
}

}  // namespace

extern const Detector repeated_denied_attempts = {
    .types =
        {{.name = "UnauthorizedAccess:IAMUser/RepeatedDeniedAttempts",
          .severity = Severity::medium,
          .mitre = {"TA0005", "T1562"},  // Impair Defenses
          .origin = Origin::picket,
          .title = "{principal} was refused {distinct} times what would have disarmed or opened the account.",
          .description =
              "{principal} tried from {remote_ip} to disable logging, open buckets or take credentials, "
              "{distinct} different attempts within an hour, all refused, the last {api}. The most in any "
              "hour before was {most_in_a_window_before}."}},
    .summary =
        "One principal was refused several attempts at what would each have been a finding, more than it "
        "usually is.",
    .when = attempts(),
    .issue = {key::principal},
    .logic = bucket<RefusedAttempts>({.span = hour_ms, .bytes_max = 16U << 20}),
    .blind_spots =
        "A single refused attempt, which `picket signals` shows, and refusals that the service logs without "
        "its parameters, which count as one.",
};

}  // namespace picket::detectors
