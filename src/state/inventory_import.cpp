#include "state/inventory_import.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "base/text.h"
#include "event/raw_json.h"

namespace picket {

namespace dom = simdjson::dom;

namespace {

std::string text_at(const dom::element& object, std::string_view member) {
  dom::element found;
  if (!object.is_object() || object[member].get(found) != simdjson::SUCCESS) return {};
  return scalar_text(found).value_or(std::string{});
}

// "us-west-2b" and the local zone "us-west-2-lax-1a" are of us-west-2.
std::string region_of_zone(std::string_view zone) {
  for (std::size_t i = 0; i + 1 < zone.size(); ++i) {
    if (zone[i] != '-' || std::isdigit(static_cast<unsigned char>(zone[i + 1])) == 0) continue;
    std::size_t end = i + 1;
    while (end < zone.size() && std::isdigit(static_cast<unsigned char>(zone[end])) != 0) ++end;
    return std::string(zone.substr(0, end));
  }
  return {};
}

// Fields of "arn:aws:eks:us-west-2:111122223333:cluster/prod", from 0.
std::string arn_field(std::string_view arn, std::size_t wanted) {
  for (; wanted > 0; --wanted) {
    const std::size_t colon = arn.find(':');
    if (colon == std::string_view::npos) return {};
    arn.remove_prefix(colon + 1);
  }
  return std::string(arn.substr(0, arn.find(':')));
}

class Importer {
 public:
  Importer(std::string_view account, std::string_view region) : account_(account), region_(region) {}

  Result<void> list(const dom::element& root, std::string_view member, std::string_view row_name,
                    std::string_view id_member, std::string_view owner = {}) {
    dom::array items;
    if (root[member].get(items) != simdjson::SUCCESS)
      return fail(ErrorKind::invalid, std::string(member) + " is not a list");
    std::size_t index = 0;
    for (const dom::element item : items) {
      const std::string where = std::string(member) + "[" + std::to_string(index++) + "]";
      if (text_at(item, id_member).empty()) {
        return fail(ErrorKind::invalid, where + " has no " + std::string(id_member));
      }
      std::string account = text_at(item, "OwnerId");
      if (!is_account_id(account)) account = owner;
      const std::string arn = text_at(item, "FunctionArn");
      if (account.empty()) account = arn_field(arn, 4);
      std::string zone = text_at(item, "AvailabilityZone");
      dom::element placement;
      if (zone.empty() && item["Placement"].get(placement) == simdjson::SUCCESS)
        zone = text_at(placement, "AvailabilityZone");
      if (auto added =
              add(item, row_name, where, account, arn.empty() ? region_of_zone(zone) : arn_field(arn, 3));
          !added)
        return added;
    }
    return {};
  }

  Result<void> reservations(const dom::element& root) {
    dom::array items;
    if (root["Reservations"].get(items) != simdjson::SUCCESS)
      return fail(ErrorKind::invalid, "Reservations is not a list");
    for (const dom::element reservation : items) {
      if (!reservation.is_object())
        return fail(ErrorKind::invalid, "an entry of Reservations is not an object");
      if (auto read = list(reservation, "Instances", "describe:instances", "InstanceId",
                           text_at(reservation, "OwnerId"));
          !read) {
        return read;
      }
    }
    return {};
  }

  Result<void> cluster(const dom::element& root) {
    const dom::element item = root["cluster"].value_unsafe();
    if (text_at(item, "name").empty()) return fail(ErrorKind::invalid, "cluster has no name");
    const std::string arn = text_at(item, "arn");
    return add(root, "describe:cluster", "cluster", arn_field(arn, 4), arn_field(arn, 3));
  }

  Result<void> ecs_clusters(const dom::element& root) {
    dom::array items;
    if (root["clusters"].get(items) != simdjson::SUCCESS)
      return fail(ErrorKind::invalid, "clusters is not a list");
    std::size_t index = 0;
    for (const dom::element item : items) {
      const std::string where = "clusters[" + std::to_string(index++) + "]";
      const std::string arn = text_at(item, "clusterArn");
      if (arn.empty() || text_at(item, "clusterName").empty())
        return fail(ErrorKind::invalid,
                    where + " has no clusterArn and clusterName: use ecs describe-clusters");
      if (auto added = add(item, "describe:ecs_clusters", where, arn_field(arn, 4), arn_field(arn, 3));
          !added)
        return added;
    }
    return {};
  }

  std::vector<FactRow> take() { return std::move(rows_); }

 private:
  Result<void> add(const dom::element& item, std::string_view name, const std::string& where,
                   std::string account, std::string region) {
    if (!is_account_id(account)) account = account_;
    if (region.empty()) region = region_;
    if (!is_account_id(account)) {
      return fail(ErrorKind::invalid, where + " does not tell its account: name one of 12 digits");
    }
    if (region.empty()) return fail(ErrorKind::invalid, where + " does not tell its Region: name it");
    rows_.push_back({known_forever, "", std::move(account), std::move(region), std::string(name), "",
                     simdjson::minify(item)});
    return {};
  }

  std::string account_, region_;
  std::vector<FactRow> rows_;
};

}  // namespace

Result<std::vector<FactRow>> import_inventory(std::string_view json, std::string_view account,
                                              std::string_view region) {
  const JsonDocument document(json);
  dom::object root;
  if (!document.root()) return fail(ErrorKind::invalid, "the inventory is not JSON (use --output json)");
  if (document.root()->get(root) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, "the inventory is not a JSON object");

  Importer importer(account, region);
  bool known = false;
  std::string unknown;
  for (const auto [key, value] : root) {
    const std::string_view name = key;
    Result<void> read;
    known = true;
    if (name == "Reservations") {
      read = importer.reservations(*document.root());
    } else if (name == "NetworkInterfaces") {
      read = importer.list(*document.root(), name, "describe:interfaces", "NetworkInterfaceId");
    } else if (name == "Addresses") {
      read = importer.list(*document.root(), name, "describe:addresses", "PublicIp");
    } else if (name == "NatGateways") {
      read = importer.list(*document.root(), name, "describe:nat_gateways", "NatGatewayId");
    } else if (name == "VpcEndpoints") {
      read = importer.list(*document.root(), name, "describe:vpc_endpoints", "VpcEndpointId");
    } else if (name == "TransitGatewayVpcAttachments") {
      read = importer.list(*document.root(), name, "describe:transit_gateway_vpc_attachments",
                           "TransitGatewayAttachmentId");
    } else if (name == "CustomerGateways") {
      read = importer.list(*document.root(), name, "describe:customer_gateways", "CustomerGatewayId");
    } else if (name == "SecurityGroups") {
      read = importer.list(*document.root(), name, "describe:security_groups", "GroupId");
    } else if (name == "Functions") {
      read = importer.list(*document.root(), name, "describe:functions", "FunctionName");
    } else if (name == "cluster") {
      read = importer.cluster(*document.root());
    } else if (name == "clusters") {
      read = importer.ecs_clusters(*document.root());
    } else if (name == "NextToken" || name == "nextToken" || name == "ResponseMetadata" ||
               name == "failures") {
      continue;  // says nothing of a resource
    } else {
      unknown = name;
    }
    if (!read) return std::unexpected(std::move(read.error()));
    if (!unknown.empty()) break;
  }
  if (!unknown.empty() || !known) {
    return fail(
        ErrorKind::unsupported,
        (unknown.empty() ? "the inventory is empty" : "\"" + unknown + "\" is not an inventory known here") +
            ": use describe-instances, describe-network-interfaces, describe-addresses, "
            "describe-nat-gateways, "
            "describe-vpc-endpoints, describe-transit-gateway-vpc-attachments, describe-customer-gateways, "
            "describe-security-groups, lambda list-functions, eks describe-cluster "
            "or "
            "ecs describe-clusters");
  }
  return importer.take();
}

}  // namespace picket
