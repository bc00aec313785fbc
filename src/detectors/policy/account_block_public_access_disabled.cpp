#include "detectors/policy/s3_access.h"
#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// The API is called PutPublicAccessBlock for buckets and accounts alike, and some records name it so.
std::optional<Evidence> opens_account(const CloudTrailEvent& call, const Context&) {
  if (call.request_parameters.find("bucketName")) return std::nullopt;
  const auto off = blocks_off(call);
  if (!off) return std::nullopt;
  return by_outcome(call, {{"api", std::string(call.event_name)}, {"switched_off", off}});
}

}  // namespace

extern const Detector account_block_public_access_disabled = {
    .types = {{.name = "Policy:S3/AccountBlockPublicAccessDisabled",
               .severity = Severity::low,
               .mitre = {"TA0005", "T1562.001"},  // Defense Evasion: Disable or Modify Tools
               .title = "S3 Block Public Access of the account was turned off by {principal}.",
               .description =
                   "{principal} called {api} from {remote_ip} and turned off {switched_off} for the whole "
                   "account: bucket policies and access control lists may now open buckets to the public."}},
    .summary = "S3 Block Public Access was turned off, in part or whole, for an account.",
    .when = {calls("s3.amazonaws.com", {"PutAccountPublicAccessBlock", "DeleteAccountPublicAccessBlock",
                                        "PutPublicAccessBlock", "DeletePublicAccessBlock"})},
    .issue = {key::principal},
    .logic = each(opens_account),
    .blind_spots = "What was switched on before the call.",
};

}  // namespace picket::detectors
