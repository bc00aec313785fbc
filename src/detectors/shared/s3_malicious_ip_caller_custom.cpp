#include "detectors/shared/s3_listed_caller.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> from_own_list(const CloudTrailEvent& call, const Context& context) {
  auto evidence = listed_s3_request(call, context, {IntelCategory::custom});
  if (!evidence) return std::nullopt;
  return std::move(*evidence).as(s3_purpose_of(call) == S3Purpose::discovery ? 0 : 1);
}

constexpr std::string_view description =
    "{principal} called {api} on bucket {bucket} from {remote_ip}, an address of threat list {threat_list}.";

}  // namespace

extern const Detector s3_malicious_ip_caller_custom = {
    .types = {{.name = "Discovery:S3/MaliciousIPCaller.Custom",
               .severity = Severity::high,
               .mitre = {"TA0007", "T1619"},  // Cloud Storage Object Discovery
               .resource = ResourceKind::s3_bucket,
               .title = "{principal} explored bucket {bucket} from an address of an own threat list.",
               .description = description},
              {.name = "UnauthorizedAccess:S3/MaliciousIPCaller.Custom",
               .severity = Severity::high,
               .mitre = {"TA0010", "T1530"},  // Data from Cloud Storage
               .resource = ResourceKind::s3_bucket,
               .title = "{principal} used objects of bucket {bucket} from an address of an own threat list.",
               .description = description}},
    .summary = "Objects of a bucket were listed, read or written from an address of an own threat list.",
    .when = {listed_caller({"custom"})},
    .issue = {key::principal, key::bucket},
    .logic = each(from_own_list),
    .blind_spots = "Addresses no own list names, and buckets whose data events no trail records.",
};

}  // namespace picket::detectors
