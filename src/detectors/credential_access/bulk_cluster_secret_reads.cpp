#include "detectors/shared/call_burst.h"
#include "detectors/shared/kubernetes_call.h"
#include "detectors/shared/kubernetes_requester.h"

namespace picket::detectors {

namespace {

// Distinct secrets in ten minutes. In 1,500 simulated cluster-days nobody but controllers reads five; a
// person who looks for one reads one or two.
constexpr std::size_t secrets_min = 5;

class ClusterSecretReads : public CallBurst {
 public:
  static bool select(const AuditEvent& event) {
    return decides(event) && !event.object_ref.name.empty() && event.object_ref.subresource.empty() &&
           !cluster_machinery(event) && !unauthenticated(event) && !of_own_namespace(event);
  }
  static std::uint64_t entity(const AuditEvent& event) {
    // A name that many share is told apart by who is behind it.
    return hash64(event.user.username, hash64(event.user.session_name, hash64(event.cluster_name)));
  }
  void add(const AuditEvent& event, const ProofRecord& record) {
    CallBurst::add(event,
                   std::string(event.object_ref.namespace_name) + '/' + std::string(event.object_ref.name),
                   record);
  }
  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    // What a workload has no business with is as telling as what a person reads.
    if (distinct() < secrets_min || distinct() <= 2 * static_cast<std::size_t>(before.most)) return;
    raise(Evidence{{"threshold", std::to_string(secrets_min) + " secrets in 10 minutes"}}, before, emit);
  }

 private:
  // A workload's own secrets lie in its namespace.
  static bool of_own_namespace(const AuditEvent& event) {
    std::string_view user = event.user.username;
    constexpr std::string_view account = "system:serviceaccount:";
    if (!user.starts_with(account)) return false;
    user.remove_prefix(account.size());
    return user.substr(0, user.find(':')) == event.object_ref.namespace_name;
  }
};

}  // namespace

extern const Detector bulk_cluster_secret_reads = {
    .types =
        {{.name = "CredentialAccess:Kubernetes/BulkSecretRetrieval",
          .severity = Severity::medium,
          .mitre = {"TA0006", "T1552.007"},  // Unsecured Credentials: Container API
          .origin = Origin::picket,
          .title = "{principal} read {distinct} different secrets of {cluster} within ten minutes.",
          .description =
              "{principal} asked {cluster} for {distinct} different secrets by name within ten minutes; the "
              "most it asked for in any such span before was {most_in_a_window_before}."}},
    .summary =
        "A user of a cluster, or a workload outside its own namespace, read many secrets by name in ten "
        "minutes, more than twice what it ever did before.",
    .when = {audit({"get"}, {"secrets"})},
    .issue = {key::cluster, key::kubernetes_user, key::principal},
    .logic = bucket<ClusterSecretReads>({.span = 10 * minute_ms, .bytes_max = 64U << 20}),
    .blind_spots =
        "Slow reading, lists (ClusterSecretsListed tells of those of all namespaces), a workload's secrets "
        "in "
        "its own namespace, and controllers of kube-system. False alarms: a controller or pipeline that "
        "reads "
        "the secrets of many namespaces, on its first day.",
};

}  // namespace picket::detectors
