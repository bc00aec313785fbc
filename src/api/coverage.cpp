// ListCoverage and GetCoverageStatistics: which instances and clusters the logs tell of, and whether picket
// reads what would show an attack on them: an instance's flow records, an EKS cluster's audit log. Runtime
// events are no source of this version, so agents and add-ons are never told.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "api/handlers.h"
#include "api/paging.h"
#include "base/json_writer.h"
#include "finding/detector_id.h"

namespace picket::api {

namespace {

using simdjson::dom::element;

constexpr std::array<std::string_view, 3> type_names{"EKS", "ECS", "EC2"};

struct Covered {
  ResourceFact resource;
  bool healthy = false;
  std::string_view issue;
  std::int64_t nodes = 0, covered_nodes = 0;  // of an EKS cluster

  std::string_view type() const { return type_names[static_cast<std::size_t>(resource.type)]; }
  std::string_view status() const { return healthy ? "HEALTHY" : "UNHEALTHY"; }
  std::string_view cluster_name(ResourceType wanted) const {
    return resource.type == wanted ? std::string_view(resource.id) : std::string_view();
  }
  // Of a cluster its own, of an instance that of the EKS cluster it is a node of.
  std::string cluster_arn(const std::string& region) const {
    if (resource.type != ResourceType::ec2) return resource.arn;
    if (resource.eks_cluster.empty()) return "";
    return fmt::format("arn:{}:eks:{}:{}:cluster/{}", partition_of(region), region, resource.account,
                       resource.eks_cluster);
  }
};

using ClusterKey = std::pair<std::string, std::string>;  // account and name, of one Region

// Clusters whose audit log was read, with the time of the newest event.
std::map<ClusterKey, TimeMs> audited_clusters(const Call& call) {
  std::map<ClusterKey, TimeMs> found;
  if (!call.backend.usage) return found;
  const auto usage = call.backend.usage();
  for (const auto& [key, volume] : usage->rows()) {
    if (key.feature != UsageFeature::eks_audit_logs || key.resource.empty() || key.account.empty() ||
        key.region != call.region)
      continue;
    TimeMs& newest = found[{key.account, key.resource}];
    newest = std::max(newest, volume.last);
  }
  return found;
}

void judge(Covered& row, const std::map<ClusterKey, TimeMs>& audited) {
  ResourceFact& resource = row.resource;
  switch (resource.type) {
    case ResourceType::ec2:
      row.healthy = resource.flows_until.has_value();
      row.issue = "No flow log records of this instance's network interfaces were read";
      break;
    case ResourceType::eks:
      if (const auto log = audited.find({resource.account, resource.id}); log != audited.end()) {
        row.healthy = true;
        resource.news_at = std::max(resource.news_at, log->second);
      }
      row.issue = "The audit log of this cluster was not read";
      break;
    case ResourceType::ecs:
      row.issue = "Runtime events of this cluster's tasks are not a source of this version";
      break;
  }
  if (row.healthy) row.issue = "";
}

// Those the caller may see in its Region, ordered by type and id.
std::vector<Covered> covered(const Call& call) {
  const Scope scope = call.scope();
  const auto visible = [&](const ResourceFact& resource) {
    return resource.region == call.region && resource.account.size() == 12 &&
           (!scope.accounts || std::ranges::find(*scope.accounts, resource.account) != scope.accounts->end());
  };
  const auto audited = audited_clusters(call);
  std::vector<Covered> rows;
  std::set<ClusterKey> known;
  std::map<ClusterKey, std::pair<std::int64_t, std::int64_t>> nodes;  // all and covered
  if (call.backend.resources) {
    const auto resources = call.backend.resources();
    for (const ResourceFact& resource : *resources) {
      if (!visible(resource)) continue;
      Covered& row = rows.emplace_back(Covered{.resource = resource});
      judge(row, audited);
      if (resource.type == ResourceType::eks) known.insert({resource.account, resource.id});
      if (resource.eks_cluster.empty()) continue;
      auto& [all, healthy] = nodes[{resource.account, resource.eks_cluster}];
      ++all;
      healthy += row.healthy ? 1 : 0;
    }
  }
  // Some are known by their audit log only.
  for (const auto& [cluster, newest] : audited) {
    if (known.contains(cluster)) continue;
    ResourceFact resource{.type = ResourceType::eks,
                          .account = cluster.first,
                          .region = call.region,
                          .id = cluster.second,
                          .arn = fmt::format("arn:{}:eks:{}:{}:cluster/{}", partition_of(call.region),
                                             call.region, cluster.first, cluster.second),
                          .news_at = newest};
    if (visible(resource)) judge(rows.emplace_back(Covered{.resource = std::move(resource)}), audited);
  }
  for (Covered& row : rows) {
    if (row.resource.type != ResourceType::eks) continue;
    std::tie(row.nodes, row.covered_nodes) = nodes[{row.resource.account, row.resource.id}];
  }
  return rows;
}

// The value a filter or the order means; empty where the resource has none.
std::string value_of(const Covered& row, std::string_view key, const std::string& region) {
  const auto cluster = [&](ResourceType type) { return std::string(row.cluster_name(type)); };
  if (key == "ACCOUNT_ID") return row.resource.account;
  if (key == "RESOURCE_TYPE") return std::string(row.type());
  if (key == "COVERAGE_STATUS") return std::string(row.status());
  if (key == "EKS_CLUSTER_NAME") return cluster(ResourceType::eks);
  if (key == "ECS_CLUSTER_NAME") return cluster(ResourceType::ecs);
  if (key == "CLUSTER_NAME") return cluster(ResourceType::eks) + cluster(ResourceType::ecs);
  if (key == "INSTANCE_ID") return cluster(ResourceType::ec2);
  if (key == "CLUSTER_ARN") return row.cluster_arn(region);
  if (key == "ISSUE") return std::string(row.issue);
  if (key == "UPDATED_AT") return fmt::format("{:020}", row.resource.news_at);
  return "";  // ADDON_VERSION, AGENT_VERSION, MANAGEMENT_TYPE: there is no agent
}

bool meets(const Covered& row, const element& criterion, const std::string& region) {
  std::string_view key;
  if (criterion["criterionKey"].get(key) != simdjson::SUCCESS) return true;
  const std::string value = value_of(row, key, region);
  const auto holds = [&](const char* condition) -> std::optional<bool> {
    simdjson::dom::array values;
    if (criterion["filterCondition"][condition].get(values) != simdjson::SUCCESS) return std::nullopt;
    return std::ranges::any_of(values,
                               [&](const element& wanted) { return std::string_view(wanted) == value; });
  };
  return holds("equals").value_or(true) && !holds("notEquals").value_or(false);
}

std::vector<Covered> filtered(const Call& call) {
  std::vector<Covered> rows = covered(call);
  const auto criteria = call.member("filterCriteria");
  simdjson::dom::array criterion;
  if (!criteria || (*criteria)["filterCriterion"].get(criterion) != simdjson::SUCCESS) return rows;
  std::erase_if(rows, [&](const Covered& row) {
    return std::ranges::any_of(criterion, [&](const element& one) { return !meets(row, one, call.region); });
  });
  return rows;
}

void write_details(JsonWriter& json, const Covered& row, const std::string& region) {
  json.begin_object();
  switch (row.resource.type) {
    case ResourceType::eks:
      json.key("eksClusterDetails");
      json.begin_object();
      json.member("clusterName", row.resource.id);
      json.member("coveredNodes", row.covered_nodes);
      json.member("compatibleNodes", row.nodes);
      json.end_object();
      break;
    case ResourceType::ecs:
      json.key("ecsClusterDetails");
      json.begin_object();
      json.member("clusterName", row.resource.id);
      json.end_object();
      break;
    case ResourceType::ec2:
      json.key("ec2InstanceDetails");
      json.begin_object();
      json.member("instanceId", row.resource.id);
      if (!row.resource.instance_type.empty()) json.member("instanceType", row.resource.instance_type);
      if (const std::string arn = row.cluster_arn(region); !arn.empty()) json.member("clusterArn", arn);
      json.end_object();
      break;
  }
  json.member("resourceType", row.type());
  json.end_object();
}

void write_row(JsonWriter& json, const Covered& row, const std::string& region) {
  json.begin_object();
  json.member("resourceId", row.resource.id);
  json.member("detectorId", detector_id_of(row.resource.account, region));
  json.member("accountId", row.resource.account);
  json.key("resourceDetails");
  write_details(json, row, region);
  json.member("coverageStatus", row.status());
  if (!row.issue.empty()) json.member("issue", row.issue);
  json.member_raw("updatedAt", epoch_seconds(row.resource.news_at));
  json.end_object();
}

}  // namespace

Answer list_coverage(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  std::string_view attribute, order;
  if (const auto sort = call.member("sortCriteria")) {
    if ((*sort)["attributeName"].get(attribute) != simdjson::SUCCESS) attribute = "";
    if ((*sort)["orderBy"].get(order) != simdjson::SUCCESS) order = "";
  }
  const bool descending = order == "DESC";
  const std::vector<Covered> rows = filtered(call);
  std::map<std::string, const Covered*> sorted;
  for (const Covered& row : rows) {
    const std::string value = attribute.empty() ? "" : value_of(row, attribute, call.region);
    sorted[fmt::format("{}\x1f{}\x1f{}\x1f{}", value, row.type(), row.resource.account, row.resource.id)] =
        &row;
  }
  std::vector<std::string> keys;
  for (const auto& [key, row] : sorted) keys.push_back(key);
  if (descending) std::ranges::reverse(keys);
  return paged(
      call, "resources", keys,
      [&](JsonWriter& json, std::size_t row) { write_row(json, *sorted.at(keys[row]), call.region); },
      LastToken::left_out, descending);
}

Answer get_coverage_statistics(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const std::vector<std::string> types = call.strings("statisticsType");
  if (types.empty()) return invalid_parameter("statisticsType");
  std::map<std::string_view, std::int64_t> by_type, by_status;
  for (const Covered& row : filtered(call)) {
    ++by_type[row.type()];
    ++by_status[row.status()];
  }
  std::string out;
  JsonWriter json(out);
  const auto write = [&](const char* type, const char* member, const auto& counts) {
    if (std::ranges::find(types, type) == types.end()) return;
    json.key(member);
    json.begin_object();
    for (const auto& [name, count] : counts) json.member(name, count);
    json.end_object();
  };
  json.begin_object();
  json.key("coverageStatistics");
  json.begin_object();
  write("COUNT_BY_RESOURCE_TYPE", "countByResourceType", by_type);
  write("COUNT_BY_COVERAGE_STATUS", "countByCoverageStatus", by_status);
  json.end_object();
  json.end_object();
  return out;
}

}  // namespace picket::api
