#include "detectors/shared/call_burst.h"

namespace picket::detectors {

namespace {

// Distinct keys and stores of data in ten minutes that nothing is kept of. A test environment taken down by a
// pipeline is a workload's work and gets three times as many, and more once it is its habit.
constexpr std::size_t stores_min = 5;

// Whether a last copy was kept.
bool keeps_copy(const CloudTrailEvent& call) {
  const RawJson& request = call.request_parameters;
  if (call.event_source == "rds.amazonaws.com") return request.find("skipFinalSnapshot") != "true";
  if (call.event_source == "redshift.amazonaws.com")
    return request.find("skipFinalClusterSnapshot") != "true";
  return false;
}

class DataDestruction : public CallBurst {
 public:
  static bool select(const CloudTrailEvent& call) {
    return !through_service(call.user_identity) && outcome(call) != Outcome::failed && !keeps_copy(call) &&
           !principal_of(call).aws_service;
  }
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }
  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    add_named(call,
              {"keyId", "dBInstanceIdentifier", "dBClusterIdentifier", "tableName", "fileSystemId",
               "clusterIdentifier", "domainName"},
              record);
  }
  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    raise_beyond(stores_min, "in 10 minutes", before, emit);
  }
};

}  // namespace

extern const Detector bulk_data_destruction = {
    .types = {{.name = "Impact:IAMUser/BulkDataDestruction",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1485"},  // Data Destruction
               .origin = Origin::picket,
               .title = "{principal} destroyed {distinct} keys or stores of data.",
               .description =
                   "{principal} destroyed from {remote_ip} {distinct} different encryption keys, databases, "
                   "tables or file systems within ten minutes, the last by {api}, and kept no copy; the most "
                   "in any such span before was {most_in_a_window_before}."}},
    .summary =
        "One principal destroyed many encryption keys, databases, tables or file systems in ten minutes "
        "without keeping a last copy, more than twice what it ever did before.",
    .when = {calls("kms.amazonaws.com", {"ScheduleKeyDeletion", "DisableKey"}),
             calls("rds.amazonaws.com", {"DeleteDBInstance", "DeleteDBCluster"}),
             calls("dynamodb.amazonaws.com", {"DeleteTable"}),
             calls("elasticfilesystem.amazonaws.com", {"DeleteFileSystem"}),
             calls("redshift.amazonaws.com", {"DeleteCluster"}),
             calls("es.amazonaws.com", {"DeleteElasticsearchDomain", "DeleteDomain"})},
    .issue = {key::principal},
    .logic = bucket<DataDestruction>({.span = 10 * minute_ms, .bytes_max = 16U << 20}),
    .blind_spots =
        "Few stores, what objects and rows are deleted of one that stays, and a pipeline's own "
        "session stolen.",
};

}  // namespace picket::detectors
