#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// PutBucketLogging with a status that names no target switches logging off; without any status in the record
// (members may be left out) nothing can be said.
std::optional<Evidence> disables_logging(const CloudTrailEvent& call, const Context&) {
  const JsonDocument request = call.request_parameters.parse();
  if (!request.at("BucketLoggingStatus") || request.at("BucketLoggingStatus.LoggingEnabled"))
    return std::nullopt;
  return by_outcome(
      call, {{"api", std::string(call.event_name)}, {"bucket", call.request_parameters.find("bucketName")}});
}

}  // namespace

extern const Detector server_access_logging_disabled = {
    .types = {{.name = "Stealth:S3/ServerAccessLoggingDisabled",
               .severity = Severity::low,
               .mitre = {"TA0005", "T1562.008"},  // Defense Evasion: Disable or Modify Cloud Logs
               .title = "Server access logging of bucket {bucket} was turned off by {principal}.",
               .description = "{principal} called {api} from {remote_ip}: requests to bucket {bucket} are no "
                              "longer logged."}},
    .summary = "Server access logging of a bucket was turned off.",
    .when = {calls("s3.amazonaws.com", {"PutBucketLogging"})},
    .issue = {key::principal, key::bucket},
    .logic = each(disables_logging),
    .blind_spots = "Logging that never was on, and a target bucket that was deleted or refuses the logs.",
};

}  // namespace picket::detectors
