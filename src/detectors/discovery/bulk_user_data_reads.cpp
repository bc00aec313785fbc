#include "detectors/shared/call_burst.h"

namespace picket::detectors {

namespace {

// Distinct instances in ten minutes. Inventory tools are workloads and get three times as many, and more once
// it is their habit.
constexpr std::size_t instances_min = 10;

class UserDataReads : public InstanceBurst<instances_min> {
 public:
  static bool select(const CloudTrailEvent& call) {
    return !through_service(call.user_identity) && call.request_parameters.mentions("userData") &&
           call.request_parameters.find("attribute") == "userData" && outcome(call) != Outcome::failed;
  }
};

}  // namespace

extern const Detector bulk_user_data_reads = {
    .types = {{.name = "Discovery:IAMUser/BulkUserDataReads",
               .severity = Severity::medium,
               .mitre = {"TA0007", "T1580"},  // Cloud Infrastructure Discovery
               .origin = Origin::picket,
               .title = "{principal} read the user data of {distinct} instances.",
               .description =
                   "{principal} asked from {remote_ip} for the start-up scripts of {distinct} different "
                   "instances within ten minutes; such scripts often hold credentials. The most in any such "
                   "span before was {most_in_a_window_before}."}},
    .summary = "One principal read the user data of many instances in ten minutes; refused requests count.",
    .when = {calls("ec2.amazonaws.com", {"DescribeInstanceAttribute"})},
    .issue = {key::principal},
    .logic = bucket<UserDataReads>({.span = 10 * minute_ms, .bytes_max = 32U << 20}),
    .blind_spots = "Slow reading, and user data in launch templates and configurations.",
};

}  // namespace picket::detectors
