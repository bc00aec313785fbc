#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// A configuration whose every kind of content is off, or that names no place to deliver to, logs nothing.
std::optional<std::string> emptied(const RawJson& request) {
  const JsonDocument document = request.parse();
  const auto config = document.at("loggingConfig");
  if (!config) return std::nullopt;  // left out of the record: nothing can be said
  if (!document.at("loggingConfig.s3Config") && !document.at("loggingConfig.cloudWatchConfig"))
    return "logging without a place to deliver to";
  constexpr std::string_view kinds[] = {"textDataDeliveryEnabled", "imageDataDeliveryEnabled",
                                        "embeddingDataDeliveryEnabled", "videoDataDeliveryEnabled",
                                        "audioDataDeliveryEnabled"};
  bool named = false;
  for (const std::string_view kind : kinds) {
    const auto enabled = document.at("loggingConfig." + std::string(kind));
    if (!enabled) continue;
    named = true;
    if (scalar_text(*enabled) == "true") return std::nullopt;
  }
  // A request that names none leaves all on.
  return named ? std::optional<std::string>("delivery of every kind of content switched off") : std::nullopt;
}

std::optional<Evidence> disables_logging(const CloudTrailEvent& call, const Context&) {
  const bool deletes = call.event_name.starts_with("Delete");
  const auto change = deletes ? std::optional<std::string>("logging configuration deleted")
                              : emptied(call.request_parameters);
  if (!change) return std::nullopt;
  return by_outcome(call, {{"api", std::string(call.event_name)}, {"change", change}});
}

}  // namespace

extern const Detector bedrock_logging_disabled = {
    .types = {{.name = "DefenseEvasion:IAMUser/BedrockLoggingDisabled",
               .severity = Severity::medium,
               .mitre = {"TA0005", "T1562.008"},  // Defense Evasion: Disable or Modify Cloud Logs
               .title = "Logging of Amazon Bedrock model invocations was turned off by {principal}.",
               .description =
                   "{principal} called {api} from {remote_ip}: {change}. What models are asked and "
                   "answer in this Region goes unrecorded."}},
    .summary = "Logging of Bedrock model invocations was deleted, or emptied so that it records nothing.",
    .when = {calls("bedrock.amazonaws.com",
                   {"DeleteModelInvocationLoggingConfiguration", "PutModelInvocationLoggingConfiguration"})},
    .issue = {key::principal},
    .logic = each(disables_logging),
    .blind_spots = "A log group or bucket that refuses or loses what is delivered to it.",
};

}  // namespace picket::detectors
