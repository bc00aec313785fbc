#include "detectors/shared/call_burst.h"
#include "detectors/shared/kubernetes_call.h"
#include "detectors/shared/kubernetes_requester.h"

namespace picket::detectors {

namespace {

// Distinct namespaces, volumes and whole collections in ten minutes. Who takes an application away deletes
// the objects of one release, or one to three namespaces; who wipes a cluster goes over all of them.
// Pipelines that clear away previews do it daily and are judged by that.
constexpr std::size_t things_min = 6;

class ClusterDeletion : public CallBurst {
 public:
  static bool select(const AuditEvent& event) {
    const AuditObject& object = event.object_ref;
    const bool collection = event.verb == "deletecollection";
    return decides(event) && succeeded(event) && object.subresource.empty() && !cluster_machinery(event) &&
           (collection || object.resource == "namespaces" || object.resource == "persistentvolumeclaims" ||
            object.resource == "persistentvolumes");
  }
  static std::uint64_t entity(const AuditEvent& event) {
    // A name that many share is told apart by who is behind it.
    return hash64(event.user.username, hash64(event.user.session_name, hash64(event.cluster_name)));
  }
  void add(const AuditEvent& event, const ProofRecord& record) {
    const AuditObject& object = event.object_ref;
    std::string target(object.namespace_name);
    for (const std::string_view part : {object.resource, object.name}) (target += '/') += part;
    CallBurst::add(event, target, record);
  }
  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    raise_beyond(things_min, "in 10 minutes", before, emit);
  }
};

}  // namespace

extern const Detector bulk_cluster_deletion = {
    .types = {{.name = "Impact:Kubernetes/BulkDeletion",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1485"},  // Data Destruction
               .origin = Origin::picket,
               .title = "{principal} deleted {distinct} namespaces, volumes or collections of {cluster}.",
               .description =
                   "{principal} deleted {distinct} different namespaces, volumes or whole collections of "
                   "objects of {cluster} within ten minutes; the most in any such span before was "
                   "{most_in_a_window_before}."}},
    .summary =
        "A user of a cluster deleted many namespaces, volumes or whole collections in ten minutes, more than "
        "twice what it ever did before.",
    .when = {audit({"delete", "deletecollection"}, {})},
    .issue = {key::cluster, key::kubernetes_user, key::principal},
    .logic = bucket<ClusterDeletion>({.span = 10 * minute_ms, .bytes_max = 16U << 20}),
    .blind_spots =
        "Objects deleted one by one, and slowly; what controllers of kube-system delete on somebody's "
        "behalf.",
};

}  // namespace picket::detectors
