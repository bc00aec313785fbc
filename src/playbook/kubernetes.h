// A cluster's API server, called with a bearer token: one of a file, or for EKS one that AWS STS vouches for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aws/caller_keys.h"
#include "base/time.h"
#include "config/respond_keys.h"
#include "net/http_client.h"

namespace picket::playbook {

// What `aws eks get-token` prints: a presigned call of STS's GetCallerIdentity, which the API server makes to
// learn who calls. Good for a quarter of an hour.
std::string eks_token(std::string_view cluster, std::string_view region, const aws::CallerKey& key,
                      TimeMs now);

class Cluster {
 public:
  // The key of who calls EKS; called when there is no token file.
  using Key = std::function<Result<aws::CallerKey>()>;

  // `name` of the cluster as findings, and EKS, have it. The guard says where connections may go. `clock` is
  // the wall clock.
  Cluster(const ClusterKeys& keys, const net::AddressGuard& guard, Key key, std::function<TimeMs()> clock)
      : keys_(keys), http_(guard, keys.ca_file), key_(std::move(key)), clock_(std::move(clock)) {}

  const std::string& name() const { return keys_.name; }
  // Errors as AwsSession's.
  Result<std::string> get(const std::string& path) const;
  Result<std::string> put(const std::string& path, std::string_view body) const;

 private:
  Result<std::string> call(const std::string& method, const std::string& path, std::string_view body) const;
  Result<std::string> token() const;

  const ClusterKeys keys_;
  const net::HttpClient http_;
  const Key key_;
  const std::function<TimeMs()> clock_;
};

// "system:serviceaccount:NAMESPACE:NAME".
struct ServiceAccount {
  std::string name_space, name;
};
std::optional<ServiceAccount> parse_service_account(std::string_view user);

// A RoleBinding or ClusterRoleBinding that gives the service account rights.
struct Binding {
  std::string path;               // of the API
  std::string label;              // "clusterrolebinding/metrics"
  std::string subjects, without;  // JSON: as they are, and without the service account
  std::string role;
};
// Every binding that names the service account itself. What it has as a member of a group stays.
Result<std::vector<Binding>> bindings_of(const Cluster& cluster, const ServiceAccount& account);

}  // namespace picket::playbook
