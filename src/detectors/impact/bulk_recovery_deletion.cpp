#include "detectors/shared/call_burst.h"

namespace picket::detectors {

namespace {

// Distinct images, snapshots and recovery points in ten minutes. Clean-up jobs are workloads and get three
// times as many, and more once it is their habit.
constexpr std::size_t points_min = 10;

class RecoveryDeletions : public CallBurst {
 public:
  static bool select(const CloudTrailEvent& call) {
    return !through_service(call.user_identity) && outcome(call) != Outcome::failed &&
           !principal_of(call).aws_service;
  }
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }
  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    add_named(call,
              {"imageId", "snapshotId", "dBSnapshotIdentifier", "dBClusterSnapshotIdentifier",
               "recoveryPointArn", "snapshotIdentifier"},
              record);
  }
  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    raise_beyond(points_min, "in 10 minutes", before, emit);
  }
};

}  // namespace

extern const Detector bulk_recovery_deletion = {
    .types = {{.name = "Impact:IAMUser/BulkRecoveryPointDeletion",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1490"},  // Inhibit System Recovery
               .origin = Origin::picket,
               .title = "{principal} deleted {distinct} images, snapshots or recovery points.",
               .description =
                   "{principal} deleted from {remote_ip} {distinct} different machine images, snapshots or "
                   "recovery points within ten minutes, the last by {api}; the most in any such span before "
                   "was {most_in_a_window_before}."}},
    .summary =
        "One principal deleted many machine images, snapshots or recovery points in ten minutes, more than "
        "twice "
        "what it ever did before.",
    .when = {calls("ec2.amazonaws.com", {"DeregisterImage", "DeleteSnapshot"}),
             calls("rds.amazonaws.com", {"DeleteDBSnapshot", "DeleteDBClusterSnapshot"}),
             calls("backup.amazonaws.com", {"DeleteRecoveryPoint"}),
             calls("redshift.amazonaws.com", {"DeleteClusterSnapshot"})},
    .issue = {key::principal},
    .logic = bucket<RecoveryDeletions>({.span = 10 * minute_ms, .bytes_max = 32U << 20}),
    .blind_spots =
        "A single image or snapshot, expiry set by lifecycle policies, and a clean-up job's own session "
        "stolen.",
};

}  // namespace picket::detectors
