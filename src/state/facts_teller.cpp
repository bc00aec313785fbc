// How CloudTrail's calls and describe-*'s answers become claims.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "event/principal.h"
#include "state/facts_impl.h"

namespace picket {

using namespace facts_detail;
namespace dom = simdjson::dom;

namespace {

// ---- reading CloudTrail's and describe-*'s JSON --------------------------------------------------
// The same members come as "privateIpAddress", "PrivateIpAddress" or below "CreateNatGatewayRequest";
// lists as arrays or as {"items": [...]}, {"item": …}.

using Element = std::optional<dom::element>;

// By value: what get_object() answers is gone at the end of a range-for's first expression.
dom::object object_of(const dom::element& element) {
  dom::object object;
  return element.get(object) == simdjson::SUCCESS ? object : dom::object{};
}
dom::array array_of(const dom::element& element) {
  dom::array array;
  return element.get(array) == simdjson::SUCCESS ? array : dom::array{};
}

Element member(const Element& object, std::string_view name) {
  if (!object || !object->is_object()) return std::nullopt;
  dom::element found;
  if (object_of(*object).at_key_case_insensitive(name).get(found) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  if (found.is_null()) return std::nullopt;
  return found;
}

Element member(const Element& object, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (Element found = member(object, name)) return found;
  }
  return std::nullopt;
}

std::string text_of(const Element& element) {
  if (!element) return {};
  return scalar_text(*element).value_or(std::string{});
}

template <class... Names>
std::string text_at(const Element& object, Names... path) {
  Element element = object;
  ((element = member(element, path)), ...);
  return text_of(element);
}

template <class Visit>
void for_each_item(const Element& list, Visit visit) {
  if (!list) return;
  if (list->is_array()) {
    for (const dom::element item : array_of(*list)) {
      if (!item.is_null()) visit(Element(item));
    }
    return;
  }
  if (!list->is_object()) {
    visit(list);
    return;
  }
  for (const std::string_view wrapper : {"items", "item", "member", "assignedPrivateIpAddressSetType"}) {
    if (const Element inner = member(list, wrapper)) {
      for_each_item(inner, visit);
      return;
    }
  }
  if (object_of(*list).size() != 0) visit(list);
}

// Every string in the tree, with the name it has.
template <class Visit>
void for_each_string(const Element& tree, Visit visit, std::string_view name = {}) {
  if (!tree) return;
  if (tree->is_object()) {
    for (const auto [key, value] : object_of(*tree)) for_each_string(Element(value), visit, key);
  } else if (tree->is_array()) {
    for (const dom::element item : array_of(*tree)) for_each_string(Element(item), visit, name);
  } else if (tree->is_string()) {
    visit(name, tree->get_string().value_unsafe());
  }
}

std::string first_with_prefix(const Element& tree, std::string_view prefix) {
  std::string found;
  for_each_string(tree, [&](std::string_view, std::string_view value) {
    if (found.empty() && value.starts_with(prefix)) found = value;
  });
  return found;
}

// CloudTrail has epoch milliseconds, describe-* and the EKS API text.
std::optional<TimeMs> time_at(const Element& object, std::string_view name) {
  const Element element = member(object, name);
  if (!element) return std::nullopt;
  double number = 0;
  if (element->is_number() && element->get(number) == simdjson::SUCCESS) {
    constexpr double year_5138_s = 1e11;  // greater numbers are milliseconds, in which it is March 1973
    if (number < 0 || number >= year_5138_s * 1000) return std::nullopt;
    return static_cast<TimeMs>(number < year_5138_s ? number * 1000 : number);
  }
  if (!element->is_string()) return std::nullopt;
  const std::string_view text = element->get_string().value_unsafe();
  if (const auto time = parse_time(text)) return time;
  return std::nullopt;
}

// What an interface is for, told by the text its maker gave it (the texts are those AWS's services use).
std::string_view type_by_description(std::string_view description) {
  struct Known {
    std::string_view prefix, type;
  };
  static constexpr Known known[] = {
      {"ELB ", "load_balancer"},
      {"RDSNetworkInterface", "rds"},
      {"AWS Lambda VPC ENI", "lambda"},
      {"Interface for NAT Gateway", "nat_gateway"},
      {"VPC Endpoint Interface", "vpc_endpoint"},
      {"Network Interface for Transit Gateway", "transit_gateway"},
      {"EFS mount target", "efs"},
      {"Amazon EKS ", "eks_control_plane"},
      {"ElastiCache", "elasticache"},
      {"RedshiftNetworkInterface", "redshift"},
      {"Route 53 Resolver", "route53_resolver"},
      {"DMSNetworkInterface", "dms"},
      {"AWS created network interface for directory", "directory"},
      {"arn:aws:ecs:", "ecs_task"},
  };
  for (const Known& entry : known) {
    if (description.starts_with(entry.prefix)) return entry.type;
  }
  return {};
}

// "AWS Lambda VPC ENI-orders-0a1b2c3d-…": the function's name stands between the prefix and a UUID.
std::string_view function_by_description(std::string_view description) {
  constexpr std::string_view prefix = "AWS Lambda VPC ENI-";
  constexpr std::size_t uuid = 36;
  if (!description.starts_with(prefix)) return {};
  description.remove_prefix(prefix.size());
  if (description.size() <= uuid + 1 || description[description.size() - uuid - 1] != '-') return {};
  return description.substr(0, description.size() - uuid - 1);
}

// "tcp 22-22 0.0.0.0/0"; empty for what is no range of TCP or UDP ports.
std::string ingress_key(std::string protocol, std::string_view from, std::string_view to,
                        std::string_view cidr) {
  if (protocol == "6") protocol = "tcp";
  if (protocol == "17") protocol = "udp";
  const auto network = IpPrefix::parse(cidr);
  if (!network || (protocol != "tcp" && protocol != "udp" && protocol != "-1")) return {};
  const bool all = protocol == "-1" || from.empty() || from == "-1";
  return protocol + ' ' + (all ? std::string("0-65535") : std::string(from) + '-' + std::string(to)) + ' ' +
         network->to_string();
}

// An address, or those of a prefix that an interface was given whole for its pods: EC2 gives /28.
std::vector<IpAddress> assigned(std::string_view text) {
  if (const auto ip = IpAddress::parse(text)) return {*ip};
  const auto prefix = IpPrefix::parse(text);
  if (!prefix || !prefix->address.is_v4() || prefix->length != 28) return {};
  std::vector<IpAddress> all;
  for (std::uint32_t n = 0; n < 16; ++n) all.push_back(IpAddress::v4(prefix->address.v4_value() + n));
  return all;
}

constexpr std::string_view everyone_group = "http://acs.amazonaws.com/groups/global/AllUsers";

}  // namespace

// Answers of EC2 come with and without the element that the API's XML wraps them in.
static Element unwrapped(const Element& response, std::string_view wrapper) {
  const Element inner = member(response, wrapper);
  return inner ? inner : response;
}

static std::string bucket_id(const Element& request) {
  const std::string name = text_at(request, "bucketName");
  return name.empty() ? std::string{} : "bucket/" + name;
}

// Turns one row into claims.
class Facts::Impl::Teller {
 public:
  Teller(Impl& facts, const FactRow& row) : facts_(facts), row_(row), order_(hash64(row.id)) {}

  void run_instances(const Element& request, const Element& response);
  void change_state(const Element& request, const Element& response);
  void evict_instances(const Element& request, const Element& details);
  void modify_instance(const Element& request, const Element& response);
  void change_profile(const Element& request, const Element& response);
  void create_interface(const Element& request, const Element& response);
  void delete_interface(const Element& request, const Element& response);
  void attach_interface(const Element& request, const Element& response);
  void detach_interface(const Element& request, const Element& response);
  void assign_addresses(const Element& request, const Element& response);
  void unassign_addresses(const Element& request, const Element& response);
  void modify_interface(const Element& request, const Element& response);
  void create_group(const Element& request, const Element& response);
  void authorize_ingress(const Element& request, const Element& response);
  void revoke_ingress(const Element& request, const Element& response);
  void create_function(const Element& request, const Element& response);
  void delete_function(const Element& request, const Element& response);
  void allocate_address(const Element& request, const Element& response);
  void associate_address(const Element& request, const Element& response);
  void disassociate_address(const Element& request, const Element& response);
  void release_address(const Element& request, const Element& response);
  void create_nat(const Element& request, const Element& response);
  void delete_nat(const Element& request, const Element& response);
  void associate_nat_address(const Element& request, const Element& response);
  void create_route(const Element& request, const Element& response);
  void attach_transit_gateway(const Element& request, const Element& response);
  void detach_transit_gateway(const Element& request, const Element& response);
  void create_customer_gateway(const Element& request, const Element& response);
  void delete_customer_gateway(const Element& request, const Element& response);
  void create_endpoint(const Element& request, const Element& response);
  void delete_endpoints(const Element& request, const Element& response);
  void create_tags(const Element& request, const Element& response);
  void delete_tags(const Element& request, const Element& response);
  void create_bucket(const Element& request, const Element& response);
  void delete_bucket(const Element& request, const Element& response);
  void put_policy(const Element& request, const Element& response);
  void delete_policy(const Element& request, const Element& response);
  void put_public_access_block(const Element& request, const Element& response);
  void delete_public_access_block(const Element& request, const Element& response);
  void put_encryption(const Element& request, const Element& response);
  void delete_encryption(const Element& request, const Element& response);
  void put_acl(const Element& request, const Element& response);
  void put_bucket_tags(const Element& request, const Element& response);
  void delete_bucket_tags(const Element& request, const Element& response);
  void put_trail(const Element& request, const Element& response);
  void delete_trail(const Element& request, const Element& response);
  void deliver_trail(const Element& request, const Element& response);
  void create_cluster(const Element& request, const Element& response);
  void delete_cluster(const Element& request, const Element& response);
  void described_ecs_cluster(const Element&, const Element& response) { ecs_cluster(response); }
  void described_address(const Element& request, const Element& response);
  void described_instance(const Element&, const Element& response) { instance(response); }
  void described_interface(const Element&, const Element& response) { interface(response, {}); }
  void described_nat(const Element&, const Element& response) { nat(response); }
  void described_group(const Element&, const Element& response);
  void described_endpoint(const Element&, const Element& response) { endpoint(response); }
  void described_transit(const Element&, const Element& response) { transit(response); }
  void described_customer_gateway(const Element&, const Element& response) { customer_gateway(response); }

 private:
  void claim(const std::string& id, Attribute attribute, std::string_view key,
             std::optional<std::string_view> value) {
    if (id.empty()) return;
    facts_.insert(id, Claim{.time = row_.time,
                            .order = order_,
                            .key = facts_.pool.id_of(key),
                            .value = value ? facts_.pool.id_of(*value) : no_value,
                            .attribute = attribute});
  }
  // Absent and empty alike mean "not said".
  void say(const std::string& id, Attribute attribute, std::string_view value) {
    if (!value.empty()) claim(id, attribute, {}, value);
  }
  void unset(const std::string& id, Attribute attribute) { claim(id, attribute, {}, std::nullopt); }
  void mark(const std::string& id, Attribute attribute) { claim(id, attribute, {}, ""); }
  void place(const std::string& id, const std::string& owner = {}) {
    say(id, Attribute::account, owner.size() == 12 ? owner : row_.account);
    say(id, Attribute::region, row_.region);
  }
  void instance(const Element& described);
  void interface(const Element& described, const std::string& description);
  void nat(const Element& described);
  void endpoint(const Element& described);
  void transit(const Element& described);
  void customer_gateway(const Element& described);
  void checks_packets(const std::string& id, const Element& flag);
  void ecs_cluster(const Element& described);
  void groups(const std::string& interface_id, const Element& list);
  template <class Visit>
  void for_each_permission(const Element& request, Visit visit) const;
  void private_ip(const std::string& interface_id, std::string_view ip, bool primary, std::string_view dns) {
    if (const auto parsed = IpAddress::parse(ip)) {
      claim(interface_id, Attribute::private_ip, parsed->to_string(),
            (primary ? "1" : "0") + std::string(dns));
    }
  }
  void association(const std::string& interface_id, const Element& association);
  void acl(const std::string& bucket, const Element& request);
  std::string public_access_block_id(const Element& request) const {
    const bool of_bucket = row_.name.find("Bucket") != std::string::npos || !bucket_id(request).empty();
    return of_bucket ? bucket_id(request) : "s3-account/" + row_.account;
  }
  std::string cluster_id(std::string_view name) const {
    return "cluster/" + row_.account + '/' + row_.region + '/' + std::string(name);
  }
  std::string ecs_cluster_id(std::string_view name) const {
    return "ecs-cluster/" + row_.account + '/' + row_.region + '/' + std::string(name);
  }

  Impl& facts_;
  const FactRow& row_;
  std::uint64_t order_;
};

// ---- instances ----

void Facts::Impl::Teller::run_instances(const Element&, const Element& response) {
  for_each_item(member(response, "instancesSet"), [this](const Element& item) { instance(item); });
}

void Facts::Impl::Teller::instance(const Element& described) {
  const std::string id = text_at(described, "instanceId");
  if (!id.starts_with("i-")) return;
  place(id, text_at(described, "ownerId"));
  say(id, Attribute::image, text_at(described, "imageId"));
  say(id, Attribute::instance_type, text_at(described, "instanceType"));
  if (const auto time = time_at(described, "launchTime"))
    say(id, Attribute::launch_time, format_time_seconds(*time));
  say(id, Attribute::platform, text_at(described, "platform"));
  say(id, Attribute::state, text_of(member(member(described, {"instanceState", "state"}), "name")));
  say(id, Attribute::zone, text_at(described, "placement", "availabilityZone"));
  say(id, Attribute::profile_arn, text_at(described, "iamInstanceProfile", "arn"));
  say(id, Attribute::profile_id, text_at(described, "iamInstanceProfile", "id"));
  say(id, Attribute::vpc, text_at(described, "vpcId"));
  say(id, Attribute::subnet, text_at(described, "subnetId"));
  checks_packets(id, member(described, "sourceDestCheck"));
  for_each_item(member(described, {"tagSet", "tags"}), [&](const Element& tag) {
    claim(id, Attribute::tag, text_at(tag, "key"), '=' + text_at(tag, "value"));
  });
  for_each_item(member(described, {"networkInterfaceSet", "networkInterfaces"}), [&](const Element& item) {
    const std::string interface_id = text_at(item, "networkInterfaceId");
    if (!interface_id.starts_with("eni-")) return;
    interface(item, {});
    claim(interface_id, Attribute::attachment, text_at(item, "attachment", "attachmentId"), id);
  });
}

void Facts::Impl::Teller::change_state(const Element&, const Element& response) {
  for_each_item(member(response, "instancesSet"), [this](const Element& item) {
    const std::string id = text_at(item, "instanceId");
    if (!id.starts_with("i-")) return;
    place(id);
    say(id, Attribute::state, text_at(item, "currentState", "name"));
  });
}

// A Spot instance that EC2 took back: the event's details name it.
void Facts::Impl::Teller::evict_instances(const Element&, const Element& details) {
  for_each_string(member(details, "instanceIdSet"), [this](std::string_view, std::string_view id) {
    if (!id.starts_with("i-")) return;
    place(std::string(id));
    say(std::string(id), Attribute::state, "terminated");
  });
}

void Facts::Impl::Teller::modify_instance(const Element& request, const Element&) {
  const std::string id = text_at(request, "instanceId");
  if (id.starts_with("i-")) checks_packets(id, member(member(request, "sourceDestCheck"), "value"));
}

// The source/destination check, which whatever forwards packets must not have.
void Facts::Impl::Teller::checks_packets(const std::string& id, const Element& flag) {
  const std::string checks = text_of(flag);
  if (checks == "false") claim(id, Attribute::forwards, "check", "");
  if (checks == "true") claim(id, Attribute::forwards, "check", std::nullopt);
}

void Facts::Impl::Teller::change_profile(const Element& request, const Element& response) {
  std::string id = first_with_prefix(response, "i-");
  if (id.empty()) id = first_with_prefix(request, "i-");
  if (id.empty()) return;
  place(id);
  if (row_.name == "DisassociateIamInstanceProfile") {
    unset(id, Attribute::profile_arn);
    unset(id, Attribute::profile_id);
    return;
  }
  Element profile;
  for (const std::string_view wrapper :
       {"AssociateIamInstanceProfileResponse", "ReplaceIamInstanceProfileAssociationResponse"}) {
    if (const Element found = member(response, wrapper))
      profile = member(found, "iamInstanceProfileAssociation");
  }
  if (!profile) profile = member(response, "iamInstanceProfileAssociation");
  say(id, Attribute::profile_arn, text_at(profile, "iamInstanceProfile", "arn"));
  say(id, Attribute::profile_id, text_at(profile, "iamInstanceProfile", "id"));
}

void Facts::Impl::Teller::create_tags(const Element& request, const Element&) {
  for_each_item(member(request, "resourcesSet"), [&](const Element& resource) {
    const std::string id = text_at(resource, "resourceId");
    if (!id.starts_with("i-")) return;  // findings show the tags of instances
    place(id);
    for_each_item(member(request, "tagSet"), [&](const Element& tag) {
      claim(id, Attribute::tag, text_at(tag, "key"), '=' + text_at(tag, "value"));
    });
  });
}

void Facts::Impl::Teller::delete_tags(const Element& request, const Element&) {
  for_each_item(member(request, "resourcesSet"), [&](const Element& resource) {
    const std::string id = text_at(resource, "resourceId");
    if (!id.starts_with("i-")) return;
    place(id);
    bool named = false;
    for_each_item(member(request, "tagSet"), [&](const Element& tag) {
      named = true;
      // With a value only that value goes ("-=value"), without one whatever it is ("-").
      const Element value = member(tag, "value");
      claim(id, Attribute::tag, text_at(tag, "key"), value ? "-=" + text_of(value) : "-");
    });
    if (!named) mark(id, Attribute::tags_cleared);
  });
}

// ---- interfaces ----

void Facts::Impl::Teller::interface(const Element& described, const std::string& description) {
  const std::string id = text_at(described, "networkInterfaceId");
  if (!id.starts_with("eni-")) return;
  place(id, text_at(described, "ownerId"));
  say(id, Attribute::vpc, text_at(described, "vpcId"));
  say(id, Attribute::subnet, text_at(described, "subnetId"));
  say(id, Attribute::private_dns, text_at(described, "privateDnsName"));

  std::string told = text_at(described, "description");
  if (told.empty()) told = description;
  std::string type = text_at(described, "interfaceType");
  if (type == "natGateway") type = "nat_gateway";
  if (type.empty() || type == "interface" || type == "efa" || type == "efa-only" || type == "trunk") {
    type = type_by_description(told);
    if (type.empty())
      type = text_at(described, "requesterManaged") == "true" ? "requester_managed" : "interface";
  }
  say(id, Attribute::interface_type, type);
  say(id, Attribute::function, function_by_description(told));

  if (const Element list = member(described, {"groupSet", "groups", "securityGroups"})) groups(id, list);

  const std::string primary = text_at(described, "privateIpAddress");
  private_ip(id, primary, true, text_at(described, "privateDnsName"));
  for_each_item(member(described, {"privateIpAddressesSet", "privateIpAddresses"}), [&](const Element& item) {
    const std::string ip = text_at(item, "privateIpAddress");
    if (ip != primary)
      private_ip(id, ip, text_at(item, "primary") == "true", text_at(item, "privateDnsName"));
    association(id, member(item, "association"));
  });
  for_each_item(member(described, {"ipv6AddressesSet", "ipv6Addresses"}), [&](const Element& item) {
    const std::string text = item->is_string() ? text_of(item) : text_at(item, "ipv6Address");
    if (const auto ip = IpAddress::parse(text)) claim(id, Attribute::ipv6, ip->to_string(), "");
  });
  association(id, member(described, "association"));
  const std::string instance_id = text_at(described, "attachment", "instanceId");
  if (instance_id.starts_with("i-")) {
    claim(id, Attribute::attachment, text_at(described, "attachment", "attachmentId"), instance_id);
  }
}

void Facts::Impl::Teller::groups(const std::string& interface_id, const Element& list) {
  std::string joined;
  for_each_item(list, [&](const Element& group) {
    const std::string id = text_at(group, "groupId");
    if (id.empty()) return;
    if (!joined.empty()) joined += record_separator;
    joined += id + unit_separator + text_at(group, "groupName");
  });
  say(interface_id, Attribute::groups, joined);
}

void Facts::Impl::Teller::association(const std::string& interface_id, const Element& association) {
  const auto ip = IpAddress::parse(text_at(association, "publicIp"));
  if (!ip) return;
  say(interface_id, Attribute::public_dns, text_at(association, "publicDnsName"));
  const std::string allocation = text_at(association, "allocationId"),
                    owner = text_at(association, "ipOwnerId");
  if (allocation.empty() && (owner.empty() || owner == "amazon")) {
    claim(interface_id, Attribute::public_ip, ip->to_string(), "");
    return;
  }
  const std::string id = allocation.empty() ? "eip/" + ip->to_string() : allocation;
  place(id, owner);
  say(id, Attribute::address, ip->to_string());
  claim(id, Attribute::association, text_at(association, "associationId"), interface_id);
}

void Facts::Impl::Teller::create_interface(const Element& request, const Element& response) {
  interface(member(response, "networkInterface"), text_at(request, "description"));
}

void Facts::Impl::Teller::delete_interface(const Element& request, const Element&) {
  const std::string id = text_at(request, "networkInterfaceId");
  if (id.starts_with("eni-")) mark(id, Attribute::deleted);
}

void Facts::Impl::Teller::attach_interface(const Element& request, const Element& response) {
  const std::string id = text_at(request, "networkInterfaceId"), instance_id = text_at(request, "instanceId");
  if (!id.starts_with("eni-") || !instance_id.starts_with("i-")) return;
  place(id);
  claim(id, Attribute::attachment, text_at(response, "attachmentId"), instance_id);
}

void Facts::Impl::Teller::detach_interface(const Element& request, const Element&) {
  const std::string id = text_at(request, "attachmentId");
  if (id.starts_with("eni-attach-")) mark(id, Attribute::ended);
}

void Facts::Impl::Teller::assign_addresses(const Element& request, const Element& response) {
  const std::string id = first_with_prefix(request, "eni-");
  if (id.empty()) return;
  place(id);
  const auto add = [&](std::string_view, std::string_view text) {
    for (const IpAddress& ip : assigned(text)) {
      if (ip.is_v4()) {
        private_ip(id, ip.to_string(), false, {});
      } else {
        claim(id, Attribute::ipv6, ip.to_string(), "");
      }
    }
  };
  for_each_string(request, add);   // asked for by name
  for_each_string(response, add);  // chosen by EC2
}

void Facts::Impl::Teller::unassign_addresses(const Element& request, const Element&) {
  const std::string id = first_with_prefix(request, "eni-");
  if (id.empty()) return;
  for_each_string(request, [&](std::string_view, std::string_view text) {
    for (const IpAddress& ip : assigned(text))
      claim(id, ip.is_v4() ? Attribute::private_ip : Attribute::ipv6, ip.to_string(), std::nullopt);
  });
}

void Facts::Impl::Teller::modify_interface(const Element& request, const Element&) {
  const std::string id = text_at(request, "networkInterfaceId");
  if (!id.starts_with("eni-")) return;
  groups(id, member(request, "groupSet"));
  checks_packets(id, member(member(request, "sourceDestCheck"), "value"));
}

void Facts::Impl::Teller::create_group(const Element& request, const Element& response) {
  const std::string id = text_at(response, "groupId");
  if (id.starts_with("sg-")) say(id, Attribute::group_name, text_at(request, "groupName"));
}

// Calls visit(ingress_key) for each port range and network of a permission list, or of the old form without
// one.
template <class Visit>
void Facts::Impl::Teller::for_each_permission(const Element& request, Visit visit) const {
  const auto tell = [&](const Element& permission, std::string_view cidr) {
    const std::string key = ingress_key(text_at(permission, "ipProtocol"), text_at(permission, "fromPort"),
                                        text_at(permission, "toPort"), cidr);
    if (!key.empty()) visit(key);
  };
  if (const std::string cidr = text_at(request, "cidrIp"); !cidr.empty()) tell(request, cidr);
  for_each_item(member(request, "ipPermissions"), [&](const Element& permission) {
    for_each_item(member(permission, "ipRanges"),
                  [&](const Element& range) { tell(permission, text_at(range, "cidrIp")); });
    for_each_item(member(permission, "ipv6Ranges"),
                  [&](const Element& range) { tell(permission, text_at(range, "cidrIpv6")); });
  });
}

void Facts::Impl::Teller::authorize_ingress(const Element& request, const Element& response) {
  const std::string id = text_at(request, "groupId");
  if (!id.starts_with("sg-")) return;  // by name: the default VPC of EC2-Classic days
  place(id);
  bool answered = false;
  for_each_item(member(response, "securityGroupRuleSet"), [&](const Element& rule) {
    std::string cidr = text_at(rule, "cidrIpv4");
    if (cidr.empty()) cidr = text_at(rule, "cidrIpv6");
    const std::string key =
        ingress_key(text_at(rule, "ipProtocol"), text_at(rule, "fromPort"), text_at(rule, "toPort"), cidr);
    answered = true;
    if (!key.empty()) claim(id, Attribute::ingress, key, text_at(rule, "securityGroupRuleId"));
  });
  if (answered) return;
  for_each_permission(request, [&](const std::string& key) { claim(id, Attribute::ingress, key, ""); });
}

void Facts::Impl::Teller::revoke_ingress(const Element& request, const Element&) {
  const std::string id = text_at(request, "groupId");
  if (!id.starts_with("sg-")) return;
  for_each_permission(request,
                      [&](const std::string& key) { claim(id, Attribute::ingress, key, std::nullopt); });
  for_each_string(request, [this](std::string_view, std::string_view text) {
    if (text.starts_with("sgr-")) mark(std::string(text), Attribute::ended);
  });
}

void Facts::Impl::Teller::described_group(const Element&, const Element& response) {
  const std::string id = text_at(response, "groupId");
  if (!id.starts_with("sg-")) return;
  place(id, text_at(response, "ownerId"));
  say(id, Attribute::group_name, text_at(response, "groupName"));
  for_each_permission(response, [&](const std::string& key) { claim(id, Attribute::ingress, key, ""); });
}

// ---- functions ----

// CreateFunction and UpdateFunction… answer with the function as it is then; list-functions has the same
// members.
void Facts::Impl::Teller::create_function(const Element&, const Element& response) {
  const std::string name = text_at(response, "functionName");
  if (name.empty()) return;
  const std::string id = "function/" + row_.account + '/' + row_.region + '/' + name;
  mark(id, Attribute::created);
  say(id, Attribute::arn, text_at(response, "functionArn"));
  say(id, Attribute::description, text_at(response, "description"));
  say(id, Attribute::role, text_at(response, "role"));
  say(id, Attribute::version, text_at(response, "version"));
  say(id, Attribute::revision, text_at(response, "revisionId"));
  say(id, Attribute::last_modified, text_at(response, "lastModified"));
}

void Facts::Impl::Teller::delete_function(const Element& request, const Element&) {
  std::string name = text_at(request, "functionName");
  if (const std::size_t colon = name.rfind(":function:"); colon != std::string::npos)
    name.erase(0, colon + 10);
  if (!name.empty()) mark("function/" + row_.account + '/' + row_.region + '/' + name, Attribute::deleted);
}

// ---- public addresses ----

void Facts::Impl::Teller::allocate_address(const Element&, const Element& response) {
  const auto ip = IpAddress::parse(text_at(response, "publicIp"));
  if (!ip) return;
  const std::string allocation = text_at(response, "allocationId");
  const std::string id = allocation.empty() ? "eip/" + ip->to_string() : allocation;
  place(id);
  say(id, Attribute::address, ip->to_string());
}

void Facts::Impl::Teller::associate_address(const Element& request, const Element& response) {
  std::string id = text_at(request, "allocationId");
  if (id.empty()) {
    const auto ip = IpAddress::parse(text_at(request, "publicIp"));
    if (!ip) return;
    id = "eip/" + ip->to_string();
    say(id, Attribute::address, ip->to_string());
  }
  std::string target = text_at(request, "networkInterfaceId");
  if (target.empty()) target = text_at(request, "instanceId");
  if (target.empty()) return;
  place(id);
  claim(id, Attribute::association, text_at(response, "associationId"), target);
}

void Facts::Impl::Teller::disassociate_address(const Element& request, const Element&) {
  const std::string id = text_at(request, "associationId");
  if (id.starts_with("eipassoc-")) mark(id, Attribute::ended);
  if (const auto ip = IpAddress::parse(text_at(request, "publicIp")))
    mark("eip/" + ip->to_string(), Attribute::ended);
}

void Facts::Impl::Teller::release_address(const Element& request, const Element&) {
  const std::string id = text_at(request, "allocationId");
  if (id.starts_with("eipalloc-")) mark(id, Attribute::deleted);
  if (const auto ip = IpAddress::parse(text_at(request, "publicIp")))
    mark("eip/" + ip->to_string(), Attribute::deleted);
}

void Facts::Impl::Teller::described_address(const Element&, const Element& response) {
  const auto ip = IpAddress::parse(text_at(response, "publicIp"));
  if (!ip) return;
  const std::string allocation = text_at(response, "allocationId");
  const std::string id = allocation.empty() ? "eip/" + ip->to_string() : allocation;
  place(id);
  say(id, Attribute::address, ip->to_string());
  std::string target = text_at(response, "networkInterfaceId");
  if (target.empty()) target = text_at(response, "instanceId");
  if (!target.empty()) claim(id, Attribute::association, text_at(response, "associationId"), target);
}

void Facts::Impl::Teller::create_nat(const Element&, const Element& response) {
  nat(member(unwrapped(response, "CreateNatGatewayResponse"), "natGateway"));
}

void Facts::Impl::Teller::nat(const Element& described) {
  const std::string id = text_at(described, "natGatewayId");
  if (!id.starts_with("nat-")) return;
  place(id);
  say(id, Attribute::vpc, text_at(described, "vpcId"));
  say(id, Attribute::subnet, text_at(described, "subnetId"));
  for_each_item(member(described, {"natGatewayAddressSet", "natGatewayAddresses"}), [&](const Element& item) {
    const std::string allocation = text_at(item, "allocationId"),
                      interface_id = text_at(item, "networkInterfaceId");
    if (!allocation.empty()) claim(id, Attribute::allocation, allocation, "");
    if (const auto ip = IpAddress::parse(text_at(item, "publicIp"))) {
      claim(id, Attribute::nat_address, ip->to_string(), "");
    }
    if (!interface_id.starts_with("eni-")) return;
    place(interface_id);
    say(interface_id, Attribute::interface_type, "nat_gateway");
    say(interface_id, Attribute::vpc, text_at(described, "vpcId"));
    say(interface_id, Attribute::subnet, text_at(described, "subnetId"));
    private_ip(interface_id, text_at(item, "privateIp"), true, {});
  });
}

void Facts::Impl::Teller::delete_nat(const Element& request, const Element&) {
  const std::string id = first_with_prefix(request, "nat-");
  if (!id.empty()) mark(id, Attribute::deleted);
}

void Facts::Impl::Teller::associate_nat_address(const Element&, const Element& response) {
  nat(unwrapped(response, "AssociateNatGatewayAddressResponse"));
}

// A route that leads to an instance makes it a NAT instance, proxy or firewall. What it once was it stays
// here: to be taken for one wrongly is the lesser error.
void Facts::Impl::Teller::create_route(const Element& request, const Element&) {
  const std::string key = text_at(request, "routeTableId") + ' ' + text_at(request, "destinationCidrBlock") +
                          text_at(request, "destinationIpv6CidrBlock");
  for (const std::string& target : {text_at(request, "instanceId"), text_at(request, "networkInterfaceId")}) {
    if (target.starts_with("i-") || target.starts_with("eni-")) claim(target, Attribute::forwards, key, "");
  }
}

void Facts::Impl::Teller::attach_transit_gateway(const Element&, const Element& response) {
  transit(member(unwrapped(response, "CreateTransitGatewayVpcAttachmentResponse"),
                 "transitGatewayVpcAttachment"));
}

void Facts::Impl::Teller::transit(const Element& described) {
  const std::string vpc = text_at(described, "vpcId"), gateway = text_at(described, "transitGatewayId");
  if (!vpc.starts_with("vpc-") || gateway.empty()) return;
  place(vpc, text_at(described, "vpcOwnerId"));
  claim(vpc, Attribute::transit_gateway, text_at(described, "transitGatewayAttachmentId"), gateway);
}

void Facts::Impl::Teller::detach_transit_gateway(const Element& request, const Element&) {
  const std::string id = first_with_prefix(request, "tgw-attach-");
  if (!id.empty()) mark(id, Attribute::ended);
}

void Facts::Impl::Teller::create_customer_gateway(const Element&, const Element& response) {
  customer_gateway(member(response, "customerGateway"));
}

void Facts::Impl::Teller::customer_gateway(const Element& described) {
  const std::string id = text_at(described, "customerGatewayId");
  const auto ip = IpAddress::parse(text_at(described, "ipAddress"));
  if (!id.starts_with("cgw-") || !ip || !ip->is_public()) return;
  place(id);
  say(id, Attribute::customer_address, ip->to_string());
}

void Facts::Impl::Teller::delete_customer_gateway(const Element& request, const Element&) {
  const std::string id = text_at(request, "customerGatewayId");
  if (id.starts_with("cgw-")) mark(id, Attribute::deleted);
}

void Facts::Impl::Teller::create_endpoint(const Element&, const Element& response) {
  endpoint(member(unwrapped(response, "CreateVpcEndpointResponse"), "vpcEndpoint"));
}

void Facts::Impl::Teller::endpoint(const Element& described) {
  const std::string id = text_at(described, "vpcEndpointId");
  if (!id.starts_with("vpce-")) return;
  place(id, text_at(described, "ownerId"));
  say(id, Attribute::vpc, text_at(described, "vpcId"));
  for_each_string(member(described, {"networkInterfaceIdSet", "networkInterfaceIds"}),
                  [&](std::string_view, std::string_view text) {
                    if (!text.starts_with("eni-")) return;
                    const std::string interface_id(text);
                    place(interface_id, text_at(described, "ownerId"));
                    say(interface_id, Attribute::interface_type, "vpc_endpoint");
                    say(interface_id, Attribute::vpc, text_at(described, "vpcId"));
                  });
}

void Facts::Impl::Teller::delete_endpoints(const Element& request, const Element&) {
  for_each_string(request, [this](std::string_view, std::string_view text) {
    if (text.starts_with("vpce-")) mark(std::string(text), Attribute::deleted);
  });
}

// ---- buckets ----

void Facts::Impl::Teller::create_bucket(const Element& request, const Element&) {
  const std::string id = bucket_id(request);
  mark(id, Attribute::created);
  say(id, Attribute::owner, row_.account);
  if (!id.empty()) acl(id, request);
}

void Facts::Impl::Teller::delete_bucket(const Element& request, const Element&) {
  mark(bucket_id(request), Attribute::deleted);
}

void Facts::Impl::Teller::put_policy(const Element& request, const Element&) {
  const Element policy = member(request, {"bucketPolicy", "policy"});
  if (!policy) return;
  const std::string text = policy->is_string() ? text_of(policy) : simdjson::minify(*policy);
  say(bucket_id(request), Attribute::policy, text);
}

void Facts::Impl::Teller::delete_policy(const Element& request, const Element&) {
  unset(bucket_id(request), Attribute::policy);
}

namespace {
struct Switch {
  std::string_view name;
  Attribute attribute;
};
constexpr std::array switches = {Switch{"BlockPublicAcls", Attribute::block_public_acls},
                                 Switch{"IgnorePublicAcls", Attribute::ignore_public_acls},
                                 Switch{"BlockPublicPolicy", Attribute::block_public_policy},
                                 Switch{"RestrictPublicBuckets", Attribute::restrict_public_buckets}};
}  // namespace

void Facts::Impl::Teller::put_public_access_block(const Element& request, const Element&) {
  const std::string id = public_access_block_id(request);
  const Element block = member(request, "PublicAccessBlockConfiguration");
  if (!block) return;  // the record left the switches out
  for (const Switch& one : switches) {
    // A switch left out of the call is off.
    claim(id, one.attribute, {}, text_at(block, one.name) == "true" ? "true" : "false");
  }
}

void Facts::Impl::Teller::delete_public_access_block(const Element& request, const Element&) {
  const std::string id = public_access_block_id(request);
  for (const Switch& one : switches) claim(id, one.attribute, {}, "false");
}

void Facts::Impl::Teller::put_encryption(const Element& request, const Element&) {
  const std::string id = bucket_id(request);
  std::string algorithm, key;
  for_each_string(member(request, "ServerSideEncryptionConfiguration"),
                  [&](std::string_view name, std::string_view text) {
                    if (name == "SSEAlgorithm") algorithm = text;
                    if (name == "KMSMasterKeyID") key = text;
                  });
  if (algorithm.empty()) return;
  say(id, Attribute::encryption, algorithm);
  claim(id, Attribute::kms_key, {}, key);
}

void Facts::Impl::Teller::delete_encryption(const Element& request, const Element&) {
  // S3 falls back to its own keys (since January 2023 there is no bucket without encryption).
  say(bucket_id(request), Attribute::encryption, "AES256");
  unset(bucket_id(request), Attribute::kms_key);
}

void Facts::Impl::Teller::put_acl(const Element& request, const Element&) {
  const std::string id = bucket_id(request);
  if (!id.empty()) acl(id, request);
}

// From the canned list's name, the grant headers or the list itself.
void Facts::Impl::Teller::acl(const std::string& bucket, const Element& request) {
  bool read = false, write = false;
  for_each_string(member(request, "x-amz-acl"), [&](std::string_view, std::string_view canned) {
    read |= canned == "public-read" || canned == "public-read-write";
    write |= canned == "public-read-write";
  });
  const auto granted = [&](std::string_view header) {
    bool found = false;
    for_each_string(member(request, header), [&](std::string_view, std::string_view value) {
      found |= value.find(everyone_group) != std::string_view::npos;
    });
    return found;
  };
  const bool all = granted("x-amz-grant-full-control");
  read |= all || granted("x-amz-grant-read");
  write |= all || granted("x-amz-grant-write");
  const Element list = member(member(request, "AccessControlPolicy"), "AccessControlList");
  for_each_item(member(list, "Grant"), [&](const Element& grant) {
    if (text_at(grant, "Grantee", "URI") != everyone_group) return;
    const std::string permission = text_at(grant, "Permission");
    read |= permission == "READ" || permission == "FULL_CONTROL";
    write |= permission == "WRITE" || permission == "FULL_CONTROL";
  });
  claim(bucket, Attribute::acl_read, {}, read ? "true" : "false");
  claim(bucket, Attribute::acl_write, {}, write ? "true" : "false");
}

void Facts::Impl::Teller::put_bucket_tags(const Element& request, const Element&) {
  std::string joined;
  for_each_item(member(member(member(request, "Tagging"), "TagSet"), "Tag"), [&](const Element& tag) {
    if (!joined.empty()) joined += record_separator;
    joined += text_at(tag, "Key") + unit_separator + text_at(tag, "Value");
  });
  claim(bucket_id(request), Attribute::tag_set, {}, joined);
}

void Facts::Impl::Teller::delete_bucket_tags(const Element& request, const Element&) {
  unset(bucket_id(request), Attribute::tag_set);
}

// ---- trails ----

void Facts::Impl::Teller::put_trail(const Element&, const Element& response) {
  const std::string name = text_at(response, "name"), bucket = text_at(response, "s3BucketName");
  if (name.empty() || bucket.empty()) return;
  const std::string trail = "trail/" + row_.account + '/' + name;
  say(trail, Attribute::trail_bucket, bucket);
  claim("trail-bucket/" + bucket, Attribute::trail, trail, name);
}

void Facts::Impl::Teller::delete_trail(const Element& request, const Element&) {
  std::string name = text_at(request, "name");
  if (const std::size_t path = name.rfind(":trail/"); path != std::string::npos) name.erase(0, path + 7);
  if (!name.empty()) unset("trail/" + row_.account + '/' + name, Attribute::trail_bucket);
}

// CloudTrail looks at the bucket's access control list before it delivers, some hundred times a day: one
// claim a day.
void Facts::Impl::Teller::deliver_trail(const Element& request, const Element&) {
  const std::string bucket = text_at(request, "bucketName");
  if (bucket.empty()) return;
  const TimeMs day = row_.time - row_.time % day_ms;
  facts_.insert("trail-bucket/" + bucket, Claim{.time = day,
                                                .order = 0,
                                                .key = facts_.pool.id_of(""),
                                                .value = facts_.pool.id_of(""),
                                                .attribute = Attribute::trail_delivery});
}

// ---- clusters ----

void Facts::Impl::Teller::create_cluster(const Element&, const Element& response) {
  const Element cluster = member(response, "cluster");
  if (member(cluster, "clusterArn")) return ecs_cluster(cluster);
  const std::string name = text_at(cluster, "name");
  if (name.empty()) return;
  const std::string id = cluster_id(name);
  mark(id, Attribute::created);
  say(id, Attribute::name, name);
  say(id, Attribute::arn, text_at(cluster, "arn"));
  say(id, Attribute::status, text_at(cluster, "status"));
  say(id, Attribute::vpc, text_at(cluster, "resourcesVpcConfig", "vpcId"));
  if (const auto time = time_at(cluster, "createdAt")) say(id, Attribute::created_at, std::to_string(*time));
  const Element tags = member(cluster, "tags");
  if (!tags || !tags->is_object()) return;
  std::string joined;
  for (const auto [key, value] : object_of(*tags)) {
    if (!joined.empty()) joined += record_separator;
    joined += std::string(key) + unit_separator + text_of(Element(value));
  }
  claim(id, Attribute::tag_set, {}, joined);
}

void Facts::Impl::Teller::delete_cluster(const Element& request, const Element&) {
  const std::string name = text_at(request, "name");
  if (!name.empty()) mark(cluster_id(name), Attribute::deleted);
  const std::string ecs = text_at(request, "cluster");  // a name or an ARN
  if (!ecs.empty()) mark(ecs_cluster_id(ecs.substr(ecs.rfind('/') + 1)), Attribute::deleted);
}

void Facts::Impl::Teller::ecs_cluster(const Element& described) {
  const std::string name = text_at(described, "clusterName");
  if (name.empty()) return;
  const std::string id = ecs_cluster_id(name);
  mark(id, Attribute::created);
  say(id, Attribute::name, name);
  say(id, Attribute::arn, text_at(described, "clusterArn"));
}

// ---- which calls teach what ----

struct Facts::Impl::Lesson {
  std::string_view source, name;
  void (Teller::*tell)(const Element& request, const Element& response);
};

// Names are unique across the services listed, so that a row needs no source; but for those of EKS's and
// ECS's clusters, which their members tell apart.
std::span<const Facts::Impl::Lesson> Facts::Impl::lessons() {
  static constexpr std::string_view ec2 = "ec2.amazonaws.com", s3 = "s3.amazonaws.com",
                                    eks = "eks.amazonaws.com", ecs = "ecs.amazonaws.com",
                                    lambda = "lambda.amazonaws.com", cloudtrail = "cloudtrail.amazonaws.com";
  static constexpr std::string_view imported = {};
  static constexpr Lesson all[] = {
      {ec2, "RunInstances", &Teller::run_instances},
      {ec2, "StartInstances", &Teller::change_state},
      {ec2, "StopInstances", &Teller::change_state},
      {ec2, "TerminateInstances", &Teller::change_state},
      {ec2, "BidEvictedEvent", &Teller::evict_instances},
      {ec2, "ModifyInstanceAttribute", &Teller::modify_instance},
      {ec2, "AssociateIamInstanceProfile", &Teller::change_profile},
      {ec2, "ReplaceIamInstanceProfileAssociation", &Teller::change_profile},
      {ec2, "DisassociateIamInstanceProfile", &Teller::change_profile},
      {ec2, "CreateNetworkInterface", &Teller::create_interface},
      {ec2, "DeleteNetworkInterface", &Teller::delete_interface},
      {ec2, "AttachNetworkInterface", &Teller::attach_interface},
      {ec2, "DetachNetworkInterface", &Teller::detach_interface},
      {ec2, "ModifyNetworkInterfaceAttribute", &Teller::modify_interface},
      {ec2, "AssignPrivateIpAddresses", &Teller::assign_addresses},
      {ec2, "UnassignPrivateIpAddresses", &Teller::unassign_addresses},
      {ec2, "AssignIpv6Addresses", &Teller::assign_addresses},
      {ec2, "UnassignIpv6Addresses", &Teller::unassign_addresses},
      {ec2, "CreateSecurityGroup", &Teller::create_group},
      {ec2, "AllocateAddress", &Teller::allocate_address},
      {ec2, "AssociateAddress", &Teller::associate_address},
      {ec2, "DisassociateAddress", &Teller::disassociate_address},
      {ec2, "ReleaseAddress", &Teller::release_address},
      {ec2, "CreateNatGateway", &Teller::create_nat},
      {ec2, "DeleteNatGateway", &Teller::delete_nat},
      {ec2, "AssociateNatGatewayAddress", &Teller::associate_nat_address},
      {ec2, "CreateRoute", &Teller::create_route},
      {ec2, "ReplaceRoute", &Teller::create_route},
      {ec2, "CreateTransitGatewayVpcAttachment", &Teller::attach_transit_gateway},
      {ec2, "DeleteTransitGatewayVpcAttachment", &Teller::detach_transit_gateway},
      {ec2, "CreateCustomerGateway", &Teller::create_customer_gateway},
      {ec2, "DeleteCustomerGateway", &Teller::delete_customer_gateway},
      {ec2, "CreateVpcEndpoint", &Teller::create_endpoint},
      {ec2, "DeleteVpcEndpoints", &Teller::delete_endpoints},
      {ec2, "CreateTags", &Teller::create_tags},
      {ec2, "DeleteTags", &Teller::delete_tags},
      {s3, "CreateBucket", &Teller::create_bucket},
      {s3, "DeleteBucket", &Teller::delete_bucket},
      {s3, "PutBucketPolicy", &Teller::put_policy},
      {s3, "DeleteBucketPolicy", &Teller::delete_policy},
      {s3, "PutBucketPublicAccessBlock", &Teller::put_public_access_block},
      {s3, "PutAccountPublicAccessBlock", &Teller::put_public_access_block},
      {s3, "PutPublicAccessBlock", &Teller::put_public_access_block},
      {s3, "DeleteBucketPublicAccessBlock", &Teller::delete_public_access_block},
      {s3, "DeleteAccountPublicAccessBlock", &Teller::delete_public_access_block},
      {s3, "DeletePublicAccessBlock", &Teller::delete_public_access_block},
      {s3, "PutBucketEncryption", &Teller::put_encryption},
      {s3, "DeleteBucketEncryption", &Teller::delete_encryption},
      {s3, "PutBucketAcl", &Teller::put_acl},
      {s3, "PutBucketTagging", &Teller::put_bucket_tags},
      {s3, "DeleteBucketTagging", &Teller::delete_bucket_tags},
      {s3, "GetBucketAcl", &Teller::deliver_trail},
      {cloudtrail, "CreateTrail", &Teller::put_trail},
      {cloudtrail, "UpdateTrail", &Teller::put_trail},
      {cloudtrail, "DeleteTrail", &Teller::delete_trail},
      {eks, "CreateCluster", &Teller::create_cluster},
      {eks, "DeleteCluster", &Teller::delete_cluster},
      {ecs, "CreateCluster", &Teller::create_cluster},
      {ecs, "DeleteCluster", &Teller::delete_cluster},
      {ec2, "AuthorizeSecurityGroupIngress", &Teller::authorize_ingress},
      {ec2, "RevokeSecurityGroupIngress", &Teller::revoke_ingress},
      {lambda, "CreateFunction", &Teller::create_function},
      {lambda, "UpdateFunctionConfiguration", &Teller::create_function},
      {lambda, "UpdateFunctionCode", &Teller::create_function},
      {lambda, "DeleteFunction", &Teller::delete_function},
      {imported, "describe:instances", &Teller::described_instance},
      {imported, "describe:interfaces", &Teller::described_interface},
      {imported, "describe:addresses", &Teller::described_address},
      {imported, "describe:nat_gateways", &Teller::described_nat},
      {imported, "describe:security_groups", &Teller::described_group},
      {imported, "describe:functions", &Teller::create_function},
      {imported, "describe:vpc_endpoints", &Teller::described_endpoint},
      {imported, "describe:transit_gateway_vpc_attachments", &Teller::described_transit},
      {imported, "describe:customer_gateways", &Teller::described_customer_gateway},
      {imported, "describe:cluster", &Teller::create_cluster},
      {imported, "describe:ecs_clusters", &Teller::described_ecs_cluster},
  };
  return all;
}

Facts::Facts() : impl_(std::make_unique<Impl>()) {}
Facts::~Facts() = default;

std::span<const std::pair<std::string_view, std::string_view>> Facts::interesting_calls() {
  static const auto calls = [] {
    std::vector<std::pair<std::string_view, std::string_view>> found;
    for (const Impl::Lesson& lesson : Impl::lessons()) {
      if (!lesson.source.empty()) found.emplace_back(lesson.source, lesson.name);
    }
    return found;
  }();
  return calls;
}

std::optional<FactRow> Facts::row_of(const CloudTrailEvent& event) {
  const std::string_view name = api_name(event.event_name);
  if (!std::ranges::any_of(
          interesting_calls(),
          [&](const auto& call) { return call.first == event.event_source && call.second == name; }) ||
      outcome(event) != Outcome::success)
    return std::nullopt;
  // NetworkActivity repeats the call as an endpoint saw it, without its answer.
  if (event.event_type == "AwsVpceEvent") return std::nullopt;
  // Of the looks at access control lists only CloudTrail's own, before it delivers.
  if (name == "GetBucketAcl" && event.user_identity.invoked_by != "cloudtrail.amazonaws.com")
    return std::nullopt;
  // An event of AWS's own has details instead of an answer.
  const RawJson& answer =
      event.event_type == "AwsServiceEvent" ? event.service_event_details : event.response_elements;
  if (event.request_parameters.absent() && answer.absent()) return std::nullopt;
  return FactRow{.time = event.event_time,
                 .id = std::string(event.event_id),
                 .account = std::string(event.recipient_account_id),
                 .region = std::string(event.aws_region),
                 .name = std::string(name),
                 .request = std::string(event.request_parameters.text()),
                 .response = std::string(answer.text())};
}

void FactRows::add(const CloudTrailEvent& event) {
  // See deliver_trail: CloudTrail looks hundreds of times a day.
  if (event.event_name == "GetBucketAcl") {
    auto look = static_cast<std::uint64_t>(event.event_time / day_ms);
    for (const std::string_view part : {event.request_parameters.text(), event.user_identity.invoked_by,
                                        event.event_type, event.error_code, event.error_message})
      look = hash64(part, look);
    if (!looks_.insert(look).second) return;
  }
  if (auto row = Facts::row_of(event)) rows_.push_back(std::move(*row));
}

void FactRows::clear() {
  rows_.clear();
  looks_.clear();
}

void Facts::learn(const FactRow& row) {
  const auto lessons = Impl::lessons();
  const auto lesson = std::ranges::find(lessons, std::string_view(row.name), &Impl::Lesson::name);
  if (lesson == lessons.end()) return;
  const JsonDocument request(row.request), response(row.response);
  Impl::Teller teller(*impl_, row);
  (teller.*lesson->tell)(request.root(), response.root());
}

void Facts::learn(const InterfaceSighting& sighting) {
  auto [place, fresh] = impl_->sightings.try_emplace(sighting.interface_id);
  Sighting& known = place->second;
  if (fresh) {
    impl_->bytes += sighting.interface_id.size();
    known.candidates = sighting.candidates;
    known.first = sighting.first;
    known.last = sighting.last;
  } else {
    impl_->bytes -= known.bytes();
    std::erase_if(known.candidates, [&](const IpAddress& ip) {
      return std::ranges::find(sighting.candidates, ip) == sighting.candidates.end();
    });
    known.first = std::min(known.first, sighting.first);
    known.last = std::max(known.last, sighting.last);
  }
  known.forwards_since = std::min(known.forwards_since, sighting.forwards_since);
  // These never change in an interface's life; should records disagree, the choice must not depend on their
  // order.
  known.account = std::max(known.account, sighting.account);
  known.region = std::max(known.region, sighting.region);
  known.vpc_id = std::max(known.vpc_id, sighting.vpc_id);
  known.subnet_id = std::max(known.subnet_id, sighting.subnet_id);
  if (!sighting.instance_id.empty()) {
    const auto [named, first_time] = known.instances.try_emplace(sighting.instance_id, sighting.first);
    if (!first_time) named->second = std::min(named->second, sighting.first);
    if (known.instances.size() > sighting_instances_max) {
      known.instances.erase(std::ranges::max_element(
          known.instances, {}, [](const auto& entry) { return std::tie(entry.second, entry.first); }));
    }
  }
  impl_->bytes += known.bytes();
  impl_->index(place->first, known);
}

}  // namespace picket
