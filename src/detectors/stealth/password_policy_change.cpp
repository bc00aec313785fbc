#include <charconv>

#include "engine/detector.h"

namespace picket::detectors {

namespace {

// What IAM applies to an account without a policy of its own, and the least we call strong.
constexpr int length_min = 8;
// From this length on, missing character classes weaken little (NIST SP 800-63B asks for length alone).
constexpr int length_long = 14;
// The API's own default when a request names no length.
constexpr int length_default = 6;

struct Weakness {
  int points = 0;
  std::string text;
  void add(std::string_view what) {
    ++points;
    if (!text.empty()) text += ", ";
    text += what;
  }
};

int length_of(const RawJson& request) {
  const auto text = request.find("minimumPasswordLength");
  int length = length_default;
  if (text) std::from_chars(text->data(), text->data() + text->size(), length);
  return length;
}

// A requirement that a request does not name is switched off by it.
Weakness weakness_of(const RawJson& request) {
  Weakness weakness;
  if (const int length = length_of(request); length < length_min) {
    weakness.add("minimum length " + std::to_string(length));
  }
  constexpr std::pair<std::string_view, std::string_view> classes[] = {
      {"requireSymbols", "no symbols required"},
      {"requireNumbers", "no digits required"},
      {"requireUppercaseCharacters", "no capitals required"},
      {"requireLowercaseCharacters", "no small letters required"}};
  for (const auto& [member, text] : classes) {
    if (request.find(member) != "true") weakness.add(text);
  }
  return weakness;
}

// AWS publishes no table of how far is how severe.
Severity severity_of(const Weakness& weakness, int length) {
  if (length >= length_long || weakness.points <= 1) return Severity::low;
  return weakness.points <= 3 ? Severity::medium : Severity::high;
}

// An attempt counts, as it does for GuardDuty, but only as low: nothing changed.
std::optional<Evidence> weakens_policy(const CloudTrailEvent& call, const Context&) {
  const Outcome result = outcome(call);
  if (result == Outcome::failed) return std::nullopt;
  const bool denied = result == Outcome::denied;
  const std::string api(call.event_name), deed = denied ? "tried to weaken" : "weakened";
  const std::optional<std::string> error =
      denied ? std::optional(std::string(call.error_code)) : std::nullopt;
  if (call.event_name == "DeleteAccountPasswordPolicy") {
    return Evidence{{"api", api}, {"deed", deed}, {"weakness", "policy deleted"}, {"error", error}}.with(
        denied ? Severity::low : Severity::medium);
  }
  // A refused request is logged without its parameters: it cannot be told from a strengthening.
  if (call.request_parameters.absent()) return std::nullopt;
  const Weakness weakness = weakness_of(call.request_parameters);
  if (weakness.points == 0) return std::nullopt;
  return Evidence{{"api", api}, {"deed", deed}, {"weakness", weakness.text}, {"error", error}}.with(
      denied ? Severity::low : severity_of(weakness, length_of(call.request_parameters)));
}

}  // namespace

extern const Detector password_policy_change = {
    .types = {{.name = "Stealth:IAMUser/PasswordPolicyChange",
               .severity = Severity::low,
               .mitre = {"TA0005", "T1556"},  // Defense Evasion: Modify Authentication Process
               .title = "{principal} {deed} the account's password policy.",
               .description = "{principal} called {api} from {remote_ip} and so {deed} the account's "
                              "password policy: {weakness}."}},
    .summary =
        "The account's password policy was deleted or asks for less than IAM's own default; or that was "
        "attempted.",
    .when = {calls("iam.amazonaws.com", {"UpdateAccountPasswordPolicy", "DeleteAccountPasswordPolicy"})},
    .issue = {key::principal},
    .logic = each(weakens_policy),
    .blind_spots =
        "A policy that was stronger than IAM's default and still is as strong as it, and longer expiry: the "
        "record does not tell what the policy was before.",
};

}  // namespace picket::detectors
