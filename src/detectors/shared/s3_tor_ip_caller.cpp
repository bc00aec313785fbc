#include "detectors/shared/s3_listed_caller.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> through_tor(const CloudTrailEvent& call, const Context& context) {
  auto evidence = listed_s3_request(call, context, {IntelCategory::tor_exit});
  if (!evidence) return std::nullopt;
  return std::move(*evidence).as(s3_purpose_of(call) == S3Purpose::discovery ? 0 : 1);
}

constexpr std::string_view description =
    "{principal} called {api} on bucket {bucket} from {remote_ip}, an address of threat list {threat_list}.";

}  // namespace

extern const Detector s3_tor_ip_caller = {
    .types = {{.name = "Discovery:S3/TorIPCaller",
               .severity = Severity::medium,
               .mitre = {"TA0007", "T1619"},  // Cloud Storage Object Discovery
               .resource = ResourceKind::s3_bucket,
               .title = "{principal} explored bucket {bucket} from a Tor exit node.",
               .description = description},
              {.name = "UnauthorizedAccess:S3/TorIPCaller",
               .severity = Severity::high,
               .mitre = {"TA0010", "T1530"},  // Data from Cloud Storage
               .resource = ResourceKind::s3_bucket,
               .title = "{principal} used objects of bucket {bucket} from a Tor exit node.",
               .description = description}},
    .summary = "Objects of a bucket were listed, read or written through the Tor network.",
    .when = {listed_caller({"tor_exit"})},
    .issue = {key::principal, key::bucket},
    .logic = each(through_tor),
    .blind_spots =
        "Exits younger than the loaded list, Tor behind another proxy, and buckets whose data events "
        "no trail records.",
};

}  // namespace picket::detectors
