#include "detectors/shared/iam_listed_caller.h"

#include <algorithm>
#include <array>

#include "detectors/shared/intel_hits.h"

namespace picket::detectors {

namespace {

// Verbs of calls that only look.
constexpr std::array<std::string_view, 12> discovery_verbs = {"Describe", "List",     "Get",    "Head",
                                                              "BatchGet", "Lookup",   "Search", "Select",
                                                              "View",     "Simulate", "Test",   "Check"};

// They begin like discovery, or CloudTrail marks them read-only, but they hand out credentials, keys or
// secrets.
constexpr std::array<std::string_view, 14> access_calls = {
    "GetSecretValue",     "BatchGetSecretValue",  "GetPasswordData",       "GetSessionToken",
    "GetFederationToken", "GetSigninToken",       "GetRoleCredentials",    "GetParameter",
    "GetParameters",      "GetParametersByPath",  "GetAuthorizationToken", "GetCredentialsForIdentity",
    "GetOpenIdToken",     "GetClusterCredentials"};

}  // namespace

CallerPurpose purpose_of(const CloudTrailEvent& call) {
  const std::string_view name = api_name(call.event_name);
  const bool looks = std::any_of(discovery_verbs.begin(), discovery_verbs.end(),
                                 [&](std::string_view verb) { return name.starts_with(verb); });
  return looks && call.read_only.value_or(true) &&
                 std::find(access_calls.begin(), access_calls.end(), name) == access_calls.end()
             ? CallerPurpose::recon
             : CallerPurpose::unauthorized_access;
}

std::optional<Evidence> listed_call(const CloudTrailEvent& call, const Context& context,
                                    std::initializer_list<IntelCategory> categories) {
  // Data events have types of their own; network activity events repeat a call; anonymous requests have no
  // principal.
  if (call.event_category == "Data" || call.event_category == "NetworkActivity") return std::nullopt;
  if (call.management_event == false || principal_of(call).anonymous) return std::nullopt;
  // Whoever cannot sign in holds no credentials: passwords are tried from listed addresses all day.
  if (call.event_source == "signin.amazonaws.com" && outcome(call) != Outcome::success) return std::nullopt;
  const IntelHit* hit = best_hit(context.hits, categories, call.event_time);
  if (hit == nullptr) return std::nullopt;
  Evidence evidence{{"api", std::string(call.event_name)}};
  if (!call.error_code.empty()) evidence.add("error", std::string(call.error_code));
  add_hit(evidence, *hit, call.event_time);
  return std::move(evidence).as(static_cast<std::size_t>(purpose_of(call)));
}

}  // namespace picket::detectors
