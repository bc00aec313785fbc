#include "engine/detector.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> is_broken(const Gap& gap) {
  Evidence evidence{{"fault", gap.what}};
  if (!gap.object.empty()) evidence.add("object", gap.object);
  evidence.add("detail", gap.detail);
  return evidence;
}

}  // namespace

extern const Detector log_digest_broken = {
    .types = {{.name = "Stealth:S3/LogDigestBroken",
               .severity = Severity::high,
               .mitre = {"TA0005",
                         "T1565.001"},  // Stored Data Manipulation, to mislead whoever reads the log
               .resource = ResourceKind::s3_bucket,
               .origin = Origin::picket,
               .title = "CloudTrail's digests do not prove the logs of this account and Region: {fault}.",
               .description =
                   "Of the log files and digests that CloudTrail signed, something was changed, removed or "
                   "added: {detail}. `picket verify` tells all of it."}},
    .summary = "A CloudTrail log file or digest was changed, removed or added after its delivery.",
    .when = {gaps(GapKind::broken_digest)},
    .issue = {key::evidence("fault"), key::evidence("object")},
    .logic = each(is_broken),
    .blind_spots = "Trails without log file validation, and scans: `picket verify` proves an archive.",
};

}  // namespace picket::detectors
