#include <map>

#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Whoever makes a cluster gives its first administrators access in the same run.
constexpr TimeMs bootstrap_span = day_ms;
constexpr std::size_t clusters_max = 4096;

constexpr std::string_view cluster_name = "eks_cluster", made_name = "made";

std::optional<Evidence> select(const CloudTrailEvent& call, const Context&) {
  if (through_service(call.user_identity)) return std::nullopt;
  const auto cluster = call.request_parameters.find("name");
  if (call.event_name == "CreateCluster") {
    if (outcome(call) != Outcome::success || !cluster) return std::nullopt;
    return Evidence{{cluster_name, cluster}, {made_name, "yes"}};
  }
  const auto policy = call.request_parameters.find("policyArn");
  if (!policy ||
      !(policy->ends_with("/AmazonEKSClusterAdminPolicy") || policy->ends_with("/AmazonEKSAdminPolicy"))) {
    return std::nullopt;
  }
  // Admin of a namespace is an everyday grant.
  if (call.request_parameters.find("accessScope.type") == "namespace") return std::nullopt;
  return by_outcome(call, {{"api", std::string(call.event_name)},
                           {cluster_name, cluster},
                           {"granted_to", call.request_parameters.find("principalArn")},
                           {"policy", policy->substr(policy->rfind('/') + 1)}});
}

// Clusters of one principal, by when it made them.
class ClusterGrants {
 public:
  std::optional<Candidate> step(const Candidate& row, const Facts&) {
    std::string cluster;
    bool made = false;
    for (const auto& [name, value] : row.evidence) {
      if (name == cluster_name) cluster = row.subject.region + "/" + value;
      made |= name == made_name;
    }
    if (made) {
      if (made_.size() >= clusters_max) made_.clear();
      made_[cluster] = row.first.time;
      return std::nullopt;
    }
    const auto at = made_.find(cluster);
    if (at != made_.end() && row.first.time - at->second <= bootstrap_span) return std::nullopt;
    return row;
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(made_);
  }

 private:
  std::map<std::string, TimeMs> made_;
};

}  // namespace

extern const Detector cluster_admin_access_granted = {
    .types = {{.name = "PrivilegeEscalation:EKS/ClusterAdminAccessGranted",
               .severity = Severity::medium,
               .mitre = {"TA0004", "T1098.003"},  // Account Manipulation: Additional Cloud Roles
               .origin = Origin::picket,
               .title = "{principal} made {granted_to} an administrator of EKS cluster {eks_cluster}.",
               .description =
                   "{principal} called {api} from {remote_ip}: {granted_to} has {policy} over all of cluster "
                   "{eks_cluster}."}},
    .summary = "An access entry of an EKS cluster was given an administrator policy over the whole cluster.",
    .when = {calls("eks.amazonaws.com", {"AssociateAccessPolicy", "CreateCluster"})},
    .issue = {key::principal, key::evidence(cluster_name)},
    .logic = ordered<ClusterGrants>(select),
    .blind_spots =
        "Access entries that name a Kubernetes group with rights of its own, and the aws-auth map, which "
        "PrivilegeEscalation:Kubernetes/ClusterAdminMapped watches.",
};

}  // namespace picket::detectors
