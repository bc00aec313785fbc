#include "engine/detector.h"

namespace picket::detectors {

namespace {

// AWS delivers each account's records under that account's prefix, organisation trails and delegated
// administrators included; an interface belongs to one account.
std::optional<Evidence> is_forged(const Gap& gap) {
  return Evidence{{"log", std::string(name_of(gap.log))},
                  {"claimed_account", gap.what},
                  {"records", std::to_string(gap.records)},
                  {"set_aside", gap.log == LogKind::cloudtrail ? "yes" : "no"}};
}

}  // namespace

extern const Detector forged_log_records = {
    .types = {{.name = "Stealth:S3/ForgedLogRecords",
               .severity = Severity::high,
               .mitre = {"TA0005",
                         "T1565.001"},  // Stored Data Manipulation, to mislead whoever reads the log
               .resource = ResourceKind::s3_bucket,
               .origin = Origin::picket,
               .title = "{log} records claim to be of account {claimed_account}, which they cannot be.",
               .description =
                   "Records that were delivered for this account, or are of its interface, name account "
                   "{claimed_account}. AWS does not write such records: somebody put them there, or moved an "
                   "object to another account's prefix."}},
    .summary = "Log records name another account than the one they were delivered for.",
    .when = {gaps(GapKind::foreign_records)},
    .issue = {key::evidence("log"), key::evidence("claimed_account")},
    .logic = each(is_forged),
    .blind_spots =
        "Records forged for the right account, which only digests tell; flow records of interfaces that "
        "neither calls nor the inventory tell of; DNS queries, whose account is that of the VPC, not of "
        "the instance.",
};

}  // namespace picket::detectors
