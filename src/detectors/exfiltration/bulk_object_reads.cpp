#include <algorithm>
#include <string>
#include <string_view>

#include "detectors/shared/call_burst.h"
#include "engine/lineage.h"
#include "state/distinct_sample.h"

namespace picket::detectors {

namespace {

// Distinct objects in ten minutes. In 300 simulated account-days nobody at a keyboard read more than 55 at
// honest work; the usual clients copy a bucket at ten to forty objects a second, six thousand and more in
// that time.
constexpr std::uint64_t objects_min = 250;
// Times as many as in the person's busiest ten minutes before.
constexpr std::uint64_t usual_factor = 4;

// Workloads read thousands of objects every day, so people only (and the users that stand for them).
class ObjectReads {
 public:
  static bool select(const CloudTrailEvent& call) {
    return call.error_code.empty() && person(call.user_identity) && !through_service(call.user_identity);
  }
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }

  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    const std::string_view request = call.request_parameters.text();
    objects_.add(hash64(plain_member(request, "key"), hash64(plain_member(request, "bucketName"))), {});
    // The earliest record tells who and where: of a burst it is written once.
    if (subject_.account.empty() || record < first_) {
      subject_ = subject_of(call, ResourceKind::s3_bucket);
      first_ = record;
    }
    if (last_.event_id.empty() || last_ < record) last_ = record;
  }
  void merge(const ObjectReads& other) {
    if (other.subject_.account.empty()) return;
    const bool empty = subject_.account.empty();
    objects_.merge(other.objects_);
    if (empty || last_ < other.last_) last_ = other.last_;
    if (!empty && !(other.first_ < first_)) return;
    subject_ = other.subject_;
    first_ = other.first_;
  }

  struct Baseline {
    std::uint64_t most = 0;
    std::uint32_t windows = 0;
    void fold(const ObjectReads& window) {
      most = std::max(most, window.objects_.distinct());
      ++windows;
    }
    template <class Ar>
    void io(Ar& ar) {
      ar(most, windows);
    }
  };
  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    const std::uint64_t objects = objects_.distinct();
    if (objects < objects_min || objects < usual_factor * before.most) return;
    Evidence evidence{{"objects", std::to_string(objects)},
                      {"threshold", std::to_string(objects_min) + " objects in 10 minutes"},
                      {"most_in_a_window_before", std::to_string(before.most)},
                      {"windows_before", std::to_string(before.windows)}};
    // Of somebody who was never seen to read anything it may be the usual.
    if (before.windows == 0) evidence.at_most(Severity::low);
    emit.detection(std::move(evidence), subject_, objects, first_, last_);
  }

  std::size_t bytes() const { return objects_.bytes() + 1500; }
  template <class Ar>
  void io(Ar& ar) {
    ar(objects_, subject_, first_, last_);
  }

 private:
  struct Object {
    void merge(const Object&) {}
    template <class Ar>
    void io(Ar&) {}
  };
  DistinctSample<Object, 64> objects_;
  Subject subject_;  // of the earliest record
  ProofRecord first_, last_;
};

}  // namespace

extern const Detector bulk_object_reads = {
    .types =
        {{.name = "Exfiltration:S3/BulkObjectReads",
          .severity = Severity::medium,
          .mitre = {"TA0010", "T1530"},  // Data from Cloud Storage
          .resource = ResourceKind::s3_bucket,
          .origin = Origin::picket,
          .title = "{principal} read {objects} different objects of S3 within ten minutes.",
          .description =
              "{principal} read {objects} different objects within ten minutes from {remote_ip}, the first "
              "of "
              "bucket {bucket}; the most it read in any such span before was {most_in_a_window_before}."}},
    .summary =
        "A person or an IAM user read hundreds of S3 objects in ten minutes, four times as many as ever "
        "before.",
    .when = {calls("s3.amazonaws.com", {"GetObject"})},
    .issue = {key::principal},
    .logic = bucket<ObjectReads>({.span = 10 * minute_ms,
                                  .bytes_max = 64U << 20,
                                  .reason = "Whoever copies a bucket takes thousands of objects in it."}),
    .blind_spots =
        "Trails without S3 data events, slow copying, few large objects, sessions of roles other than "
        "Identity "
        "Center's (what is new about those, AnomalousBehavior tells), and people who often copy as much.",
};

}  // namespace picket::detectors
