#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Short-term root sessions of centralised root access are another type.
bool assumed_root(const CloudTrailEvent& call) {
  return call.raw.mentions("\"assumedRoot\"") &&
         call.raw.find("userIdentity.sessionContext.assumedRoot") == "true";
}

// Services that act for the account carry root's identity too, and anyone can fail to sign in as root or ask
// for a new password: none of these holds root's credentials. A refused API call does.
std::optional<Evidence> uses_root(const CloudTrailEvent& call, const Context&) {
  if (call.user_identity.type != "Root") return std::nullopt;
  if (through_service(call.user_identity) || call.event_type == "AwsServiceEvent") return std::nullopt;
  if (call.event_source == "signin.amazonaws.com" &&
      (outcome(call) != Outcome::success || call.event_name == "PasswordRecoveryRequested")) {
    return std::nullopt;
  }
  if (assumed_root(call)) return std::nullopt;
  const std::optional<std::string> error =
      call.error_code.empty() ? std::nullopt : std::optional(std::string(call.error_code));
  return Evidence{
      {"api", std::string(call.event_name)},
      {"used_in", std::string(call.aws_region)},
      {"credential", call.user_identity.access_key_id.starts_with("AKIA") ? "access key" : "session"},
      {"error", error}};
}

}  // namespace

extern const Detector root_credential_usage = {
    .types =
        {{.name = "Policy:IAMUser/RootCredentialUsage",
          .severity = Severity::low,
          .mitre = {"TA0001", "T1078.004"},  // Initial Access: Cloud Accounts
          .global = true,
          .title = "The account's root credentials were used.",
          .description =
              "{api} was called with the account's root credentials from {remote_ip}. Root is meant for the "
              "few tasks that nobody else may do."}},
    .summary = "The account's root credentials were used, in the console or through the API.",
    .when = {any_call()},
    .issue = {key::principal},
    .logic = each(uses_root),
    .blind_spots = "Data events that no trail records.",
};

}  // namespace picket::detectors
