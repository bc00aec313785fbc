#include <boost/unordered/unordered_flat_set.hpp>

#include "detectors/shared/call_burst.h"
#include "detectors/shared/defence_calls.h"

namespace picket::detectors {

namespace {

constexpr std::uint8_t attempts_type = 1;
// Distinct APIs refused in an hour. A broken pipeline is refused the same few calls over and over; whoever
// tries what a stolen key may do is refused many different ones.
constexpr std::size_t apis_min = 12;
// Refused attempts within an hour at what would each have been a finding. One may be a slip.
constexpr std::size_t attempts_min = 3;

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

std::string name_of(std::string_view event_source, std::string_view api) {
  std::string name(event_source);
  name += ':';
  name += api;
  return name;
}

bool is_attempt(const std::string& name) {
  static const auto names = [] {
    boost::unordered_flat_set<std::string> made;
    for (const Trigger& trigger : attempts()) {
      for (const std::string_view api : trigger.event_names) made.insert(name_of(trigger.event_source, api));
    }
    return made;
  }();
  return names.contains(name);
}

// The console asks for everything it could show; a person who opens its pages is refused a lot.
bool by_console(const CloudTrailEvent& call) {
  return call.session_credential_from_console || call.user_agent.contains("console.") ||
         call.user_agent.starts_with("AWS Internal");
}

class RefusedCalls {
 public:
  static bool select(const CloudTrailEvent& call) {
    if (call.error_code.empty() || through_service(call.user_identity)) return false;
    if (call.event_source == "signin.amazonaws.com" || outcome(call) != Outcome::denied) return false;
    if (by_console(call) && !is_attempt(name_of(call.event_source, api_name(call.event_name)))) return false;
    const Principal principal = principal_of(call);
    return !principal.aws_service && !principal.anonymous;
  }
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }
  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    const std::string name = name_of(call.event_source, api_name(call.event_name));
    if (!by_console(call)) apis_.add(call, name, record);
    // One attempt is a call at a target; a client that retries the same is still at its first. What a dry run
    // is refused would have been allowed.
    if (is_attempt(name) && !call.error_code.contains("DryRun"))
      attempts_.add(call, name + std::string(call.request_parameters.text()), record);
  }
  void merge(const RefusedCalls& other) {
    apis_.merge(other.apis_);
    attempts_.merge(other.attempts_);
  }
  struct Baseline {
    CallBurst::Baseline apis, attempts;
    void fold(const RefusedCalls& window) {
      apis.fold(window.apis_);
      attempts.fold(window.attempts_);
    }
    template <class Ar>
    void io(Ar& ar) {
      ar(apis, attempts);
    }
  };
  // Who is refused nearly everything is told of once: the attempts are part of it.
  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    if (apis_.beyond(apis_min, before.apis)) {
      apis_.raise({{"threshold", std::to_string(apis_min) + " different refused APIs in an hour"},
                   {"would_be_findings", std::to_string(attempts_.distinct())}},
                  before.apis, emit);
    } else if (attempts_.beyond(attempts_min, before.attempts)) {
      attempts_.raise(
          Evidence{{"threshold", std::to_string(attempts_min) + " different refused attempts in an hour"}}.as(
              attempts_type),
          before.attempts, emit);
    }
  }
  std::size_t bytes() const { return apis_.bytes() + attempts_.bytes(); }
  template <class Ar>
  void io(Ar& ar) {
    ar(apis_, attempts_);
  }

 private:
  CallBurst apis_, attempts_;
};

}  // namespace

extern const Detector refused_calls = {
    .types =
        {{.name = "Discovery:IAMUser/PermissionProbing",
          .severity = Severity::medium,
          .mitre = {"TA0007", "T1069.003"},  // Permission Groups Discovery: Cloud Groups
          .origin = Origin::picket,
          .title = "{principal} was refused {distinct} different APIs within an hour.",
          .description =
              "{principal} tried {distinct} different APIs from {remote_ip} that it may not call, the last "
              "{api}; the most in any hour before was {most_in_a_window_before}. So many attempts would each "
              "have been a finding: {would_be_findings}."},
         {.name = "UnauthorizedAccess:IAMUser/RepeatedDeniedAttempts",
          .severity = Severity::medium,
          .mitre = {"TA0005", "T1562"},  // Impair Defenses
          .origin = Origin::picket,
          .title = "{principal} was refused {distinct} times what would have disarmed or opened the account.",
          .description =
              "{principal} tried from {remote_ip} to disable logging, open buckets or take credentials, "
              "{distinct} different attempts within an hour, all refused, the last {api}. The most in any "
              "hour before was {most_in_a_window_before}."}},
    .summary =
        "One principal was refused many different APIs in an hour, or several attempts at what would each "
        "have been a finding, more than twice as many as ever before.",
    .when = {any_call()},
    .issue = {key::principal},
    .logic = bucket<RefusedCalls>({.span = hour_ms, .bytes_max = 64U << 20}),
    .blind_spots =
        "A single refused attempt, which `picket signals` shows, and refusals that the service logs without "
        "its parameters, which count as one. Probing by calls that succeed, by dry runs of one API, through "
        "the console, and over days.",
};

}  // namespace picket::detectors
