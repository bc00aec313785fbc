#include "detectors/shared/s3_listed_caller.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> from_malicious_address(const CloudTrailEvent& call, const Context& context) {
  auto evidence = listed_s3_request(
      call, context,
      {IntelCategory::malicious, IntelCategory::c2, IntelCategory::mining, IntelCategory::scanner,
       IntelCategory::phishing, IntelCategory::drop_point, IntelCategory::drive_by, IntelCategory::malware});
  if (!evidence) return std::nullopt;
  return std::move(*evidence).as(static_cast<std::size_t>(s3_purpose_of(call)));
}

constexpr std::string_view description =
    "{principal} called {api} on bucket {bucket} from {remote_ip}, an address of threat list {threat_list}.";

}  // namespace

// Types in the order of S3Purpose.
extern const Detector s3_malicious_ip_caller = {
    .types = {{.name = "Discovery:S3/MaliciousIPCaller",
               .severity = Severity::high,
               .mitre = {"TA0007", "T1619"},  // Cloud Storage Object Discovery
               .resource = ResourceKind::s3_bucket,
               .title = "{principal} explored bucket {bucket} from a known malicious address.",
               .description = description},
              {.name = "Exfiltration:S3/MaliciousIPCaller",
               .severity = Severity::high,
               .mitre = {"TA0010", "T1530"},  // Data from Cloud Storage
               .resource = ResourceKind::s3_bucket,
               .title = "{principal} read objects of bucket {bucket} from a known malicious address.",
               .description = description},
              {.name = "Impact:S3/MaliciousIPCaller",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1565.001"},  // Stored Data Manipulation
               .resource = ResourceKind::s3_bucket,
               .title = "{principal} changed objects of bucket {bucket} from a known malicious address.",
               .description = description}},
    .summary = "Objects of a bucket were listed, read or written from a known malicious address.",
    .when = {listed_caller(
        {"malicious", "c2", "mining", "scanner", "phishing", "drop_point", "drive_by", "malware"})},
    .issue = {key::principal, key::bucket},
    .logic = each(from_malicious_address),
    .blind_spots = "Addresses no loaded list knows, and buckets whose data events no trail records.",
};

}  // namespace picket::detectors
