#include "detectors/shared/attempt.h"
#include "engine/detector.h"
#include "state/call_aim.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

// A broker hands out sessions cut down to what its users need; a session as mighty as the user itself
// outlives the user's key, which is what an intruder wants of it.
std::optional<std::string> breadth(const RawJson& request) {
  const JsonDocument document = request.parse();
  dom::array arns;
  if (const auto list = document.at("policyArns"); list && list->get(arns) == simdjson::SUCCESS) {
    for (const dom::element item : arns) {
      std::string_view arn;
      if (item["arn"].get(arn) == simdjson::SUCCESS && arn.ends_with(":aws:policy/AdministratorAccess")) {
        return "managed policy AdministratorAccess";
      }
    }
  }
  if (allows_everything(request.find("policy").value_or(""))) return "a policy that allows everything";
  return std::nullopt;
}

std::optional<Evidence> issues_broad_token(const CloudTrailEvent& call, const Context&) {
  const auto broad = breadth(call.request_parameters);
  if (!broad) return std::nullopt;
  return by_outcome(call, {{"api", std::string(call.event_name)},
                           {"session", call.request_parameters.find("name")},
                           {"allowed_by", broad}});
}

}  // namespace

extern const Detector broad_federation_token = {
    .types = {{.name = "Persistence:IAMUser/BroadFederationToken",
               .severity = Severity::medium,
               .mitre = {"TA0003",
                         "T1550.001"},  // Use Alternate Authentication Material: Application Access Token
               .origin = Origin::picket,
               .title = "{principal} made a federated session with all of its own rights.",
               .description =
                   "{principal} called GetFederationToken from {remote_ip} for session {session} with "
                   "{allowed_by}. The session stays valid for up to 36 hours even when the user's key is "
                   "disabled."}},
    .summary = "GetFederationToken was called for a session that may do all its user may.",
    .when = {calls("sts.amazonaws.com", {"GetFederationToken"})},
    .issue = {key::principal},
    .logic = each(issues_broad_token),
    .blind_spots = "Policies that name every service one by one.",
};

}  // namespace picket::detectors
