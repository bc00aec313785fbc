#include "engine/detector.h"

namespace picket::detectors {

namespace {

// A session that sts:AssumeRoot gave for one task in a member account.
std::optional<Evidence> uses_root_session(const CloudTrailEvent& call, const Context&) {
  const UserIdentity& identity = call.user_identity;
  if (identity.type != "Root" || through_service(identity) || call.event_type == "AwsServiceEvent") {
    return std::nullopt;
  }
  if (!call.raw.mentions("\"assumedRoot\"")) return std::nullopt;
  if (call.raw.find("userIdentity.sessionContext.assumedRoot") != "true") return std::nullopt;
  const std::optional<std::string> error =
      call.error_code.empty() ? std::nullopt : std::optional(std::string(call.error_code));
  return Evidence{{"api", std::string(call.event_name)}, {"error", error}};
}

}  // namespace

extern const Detector short_term_root_credential_usage = {
    .types = {{.name = "Policy:IAMUser/ShortTermRootCredentialUsage",
               .severity = Severity::low,
               .mitre = {"TA0001", "T1078.004"},  // Initial Access: Cloud Accounts
               .title = "A short-term root session of the account was used.",
               .description = "{api} was called from {remote_ip} with short-term root credentials, which the "
                              "organisation's central root access hands out for single tasks."}},
    .summary = "A short-term root session, made by centralised root access, was used.",
    .when = {any_call()},
    .issue = {key::principal},
    .logic = each(uses_root_session),
    .blind_spots = "Data events that no trail records.",
};

}  // namespace picket::detectors
