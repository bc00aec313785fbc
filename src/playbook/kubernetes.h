// A cluster's API server, called with a bearer token.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/respond_keys.h"
#include "net/http_client.h"

namespace picket::playbook {

class Cluster {
 public:
  // `name` of the cluster as findings have it. The guard says where connections may go.
  Cluster(const ClusterKeys& keys, const net::AddressGuard& guard)
      : keys_(keys), http_(guard, keys.ca_file) {}

  const std::string& name() const { return keys_.name; }
  // Errors as AwsSession's.
  Result<std::string> get(const std::string& path) const;
  Result<std::string> put(const std::string& path, std::string_view body) const;

 private:
  Result<std::string> call(const std::string& method, const std::string& path, std::string_view body) const;

  const ClusterKeys keys_;
  const net::HttpClient http_;
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
