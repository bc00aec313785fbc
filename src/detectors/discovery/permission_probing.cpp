#include "detectors/shared/call_burst.h"

namespace picket::detectors {

namespace {

// Distinct APIs refused in an hour. A broken pipeline is refused the same few calls over and over; whoever
// tries what a stolen key may do is refused many different ones.
constexpr std::size_t apis_min = 12;

class RefusedCalls : public CallBurst {
 public:
  static bool select(const CloudTrailEvent& call) {
    if (call.error_code.empty() || through_service(call.user_identity)) return false;
    if (call.event_source == "signin.amazonaws.com" || outcome(call) != Outcome::denied) return false;
    const Principal principal = principal_of(call);
    // The console asks for everything it could show; a person who opens its pages is refused a lot.
    return !principal.aws_service && !principal.anonymous && !call.session_credential_from_console &&
           !call.user_agent.contains("console.") && !call.user_agent.starts_with("AWS Internal");
  }
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }
  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    std::string api(call.event_source);
    api += ':';
    api += api_name(call.event_name);
    CallBurst::add(call, api, record);
  }
  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    if (!beyond(apis_min, before)) return;
    raise(Evidence{{"threshold", std::to_string(apis_min) + " different refused APIs in an hour"}}, before,
          emit);
  }
};

}  // namespace

extern const Detector permission_probing = {
    .types = {{.name = "Discovery:IAMUser/PermissionProbing",
               .severity = Severity::medium,
               .mitre = {"TA0007", "T1069.003"},  // Permission Groups Discovery: Cloud Groups
               .origin = Origin::picket,
               .title = "{principal} was refused {distinct} different APIs within an hour.",
               .description =
                   "{principal} tried {distinct} different APIs from {remote_ip} that it may not call, the "
                   "last {api}; the most in any hour before was {most_in_a_window_before}."}},
    .summary =
        "One principal was refused many different APIs in an hour, more than twice as many as ever before.",
    .when = {any_call()},
    .issue = {key::principal},
    .logic = bucket<RefusedCalls>({.span = hour_ms, .bytes_max = 64U << 20}),
    .blind_spots =
        "Probing by calls that succeed, by dry runs of one API, through the console, and over days.",
};

}  // namespace picket::detectors
