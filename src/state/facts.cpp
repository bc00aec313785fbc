#include "state/facts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "event/principal.h"

namespace picket {

namespace dom = simdjson::dom;

namespace {

// ---- what is kept ------------------------------------------------------------------------------
// Every resource is a set of claims "at this time, this attribute (with this key) became this value".
// A look-up replays the claims up to its time. A set does not know in which order it was filled, which
// is all that commutative learning takes.

enum class Attribute : std::uint8_t {
  account,
  region,
  deleted,
  // instance
  image,
  instance_type,
  launch_time,
  platform,
  state,
  zone,
  profile_arn,
  profile_id,
  vpc,
  subnet,
  tag,
  tags_cleared,
  // interface; `attachment` is keyed by attachment id and names the instance
  interface_type,
  private_dns,
  public_dns,
  private_ip,
  public_ip,
  ipv6,
  groups,
  attachment,
  group_name,
  // links: attachments and address associations end by their own id
  ended,
  // elastic address; `association` is keyed by association id and names an instance or interface
  address,
  association,
  // NAT gateway
  allocation,
  nat_address,
  // bucket and account
  created,
  owner,
  encryption,
  kms_key,
  policy,
  tag_set,
  block_public_acls,
  ignore_public_acls,
  block_public_policy,
  restrict_public_buckets,
  acl_read,
  acl_write,
  // cluster
  name,
  arn,
  status,
  created_at,
  // security group: `ingress` is keyed by "tcp 22-22 0.0.0.0/0", its value is the rule's id or empty
  ingress,
  // Lambda: the function an interface was made for; what is known of a function
  function,
  description,
  role,
  version,
  revision,
  last_modified,
  // bucket: the trails it receives, by trail; and a day on which CloudTrail made sure of it
  trail,
  trail_delivery,
  // trail
  trail_bucket,
  // instance or interface that passes others' packets on, by what said so
  forwards,
  // VPC: `transit_gateway` is keyed by attachment id and names the gateway
  transit_gateway,
  // customer gateway
  customer_address,
  last = customer_address
};

// Values of one attribute that one resource may have: more than AWS lets exist at once (50 tags, 50
// addresses), so that only churn on purpose loses history, and only the oldest.
constexpr std::size_t claims_max(Attribute attribute) {
  switch (attribute) {
    case Attribute::tag:
    case Attribute::private_ip:
    case Attribute::public_ip:
    case Attribute::ipv6:
    case Attribute::attachment:
    case Attribute::association:
    case Attribute::ingress:
    case Attribute::forwards:
      return 256;
    case Attribute::policy:
      return 8;  // up to 20 KB each
    default:
      return 32;
  }
}

constexpr std::uint32_t no_value = 0xffffffff;

struct Claim {
  TimeMs time = 0;
  std::uint64_t order = 0;  // hash of the event's id: decides between claims of the same millisecond
  std::uint32_t key = 0, value = no_value;  // in the string pool
  Attribute attribute = Attribute::account;
};

// Many resources share images, types, subnets and groups: each text is held once.
class StringPool {
 public:
  std::uint32_t id_of(std::string_view text) {
    if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
    texts_.emplace_back(text);
    const auto id = static_cast<std::uint32_t>(texts_.size() - 1);
    ids_.emplace(texts_.back(), id);
    return id;
  }
  std::string_view text(std::uint32_t id) const { return id == no_value ? std::string_view{} : texts_[id]; }
  std::size_t size() const { return texts_.size(); }

 private:
  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, std::uint32_t> ids_;
};

struct Entity {
  std::vector<Claim> claims;  // by (attribute, key, time, order, value)
  TimeMs latest = known_forever;
};

struct Sighting {
  std::string account, region, vpc_id, subnet_id;
  std::vector<IpAddress> candidates;
  std::map<std::string, TimeMs> instances;  // when each was first named as the interface's
  TimeMs first = 0, last = 0;
  template <class Ar>
  void io(Ar& ar) {
    ar(account, region, vpc_id, subnet_id, candidates, instances, first, last);
  }
  std::size_t bytes() const {
    std::size_t sum =
        256 + account.size() + region.size() + vpc_id.size() + subnet_id.size() + 16 * candidates.size();
    for (const auto& [id, since] : instances) sum += 96 + id.size();
    return sum;
  }
};

// Map nodes, spare room, pool and look-up tables: with it bytes() is what 100,000 launched instances were
// measured to take of memory (2.3 KB each, with their interfaces).
constexpr std::size_t entity_bytes = 650;
constexpr std::size_t sighting_instances_max = 16;

constexpr char unit_separator = '\x1f', record_separator = '\x1e';

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

// Whether such a rule lets `remote` reach the port.
bool ingress_allows(std::string_view rule, std::uint8_t protocol, std::uint16_t port,
                    const IpAddress& remote) {
  const std::size_t ports_at = rule.find(' ') + 1, network_at = rule.find(' ', ports_at) + 1;
  const std::string_view name = rule.substr(0, ports_at - 1);
  if (name != "-1" && name != (protocol == 6 ? "tcp" : protocol == 17 ? "udp" : "")) return false;
  const std::string_view ports = rule.substr(ports_at, network_at - 1 - ports_at);
  const auto number = [](std::string_view text) {
    unsigned value = 65536;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  const std::size_t dash = ports.find('-');
  if (port < number(ports.substr(0, dash)) || port > number(ports.substr(dash + 1))) return false;
  const auto network = IpPrefix::parse(rule.substr(network_at));
  return network && network->contains(remote);
}

// Lists held as one value: "key US value RS key US value".
template <class Visit>
void for_each_pair(std::string_view joined, Visit visit) {
  while (!joined.empty()) {
    const std::size_t end = joined.find(record_separator);
    const std::string_view pair = joined.substr(0, end);
    const std::size_t middle = pair.find(unit_separator);
    visit(pair.substr(0, middle),
          middle == std::string_view::npos ? std::string_view{} : pair.substr(middle + 1));
    joined = end == std::string_view::npos ? std::string_view{} : joined.substr(end + 1);
  }
}

std::string current_state(std::string state) {
  // No log tells when a transition ends; by the time anything else is seen of the instance it has.
  if (state == "pending") return "running";
  if (state == "stopping") return "stopped";
  if (state == "shutting-down") return "terminated";
  return state;
}

// The network that a company's line is taken to have: the smallest that the Internet routes.
IpPrefix network_of(const IpAddress& ip) {
  return *IpPrefix::parse(ip.to_string() + (ip.is_v4() ? "/24" : "/48"));
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

bool runs(std::string_view state) { return state != "stopped" && state != "terminated"; }

constexpr std::string_view everyone_group = "http://acs.amazonaws.com/groups/global/AllUsers";

}  // namespace

struct Facts::Impl {
  StringPool pool;
  std::map<std::string, Entity, std::less<>> entities;
  std::pair<const std::string, Entity>* newest = nullptr;  // claimed of last: claims of one come together
  std::map<std::string, Sighting, std::less<>> sightings;  // by interface
  std::size_t bytes = 0, bytes_max = std::size_t{512} << 20;
  std::uint64_t evicted = 0, dropped = 0;
  std::size_t removed_claims = 0;  // since the pool was last rebuilt
  std::function<bool(const IpAddress&)> aws_ranges;
  std::function<std::optional<GeoPlace>(const IpAddress&)> place_of;

  // Where to look, derived from the above and not saved: who ever had an address, belonged to an instance
  // or a VPC. Whether it still did at the time asked for is read from the claims.
  std::map<IpAddress, std::set<std::string>> holders_by_ip;  // interfaces, allocations, NAT gateways
  std::map<std::string, std::set<std::string>, std::less<>> interfaces_by_instance;
  std::map<std::string, std::set<std::string>, std::less<>> allocations_by_target;
  std::map<std::string, std::set<std::string>, std::less<>> nats_by_vpc;
  std::map<std::string, std::set<std::string>, std::less<>> nats_by_allocation;
  std::map<IpPrefix, std::set<std::string>> customer_gateways_by_network;
  std::map<std::string, TimeMs, std::less<>> account_since;

  // ---- claims ----
  std::strong_ordering compare(const Claim& a, const Claim& b) const {
    if (const auto c = a.attribute <=> b.attribute; c != 0) return c;
    if (const auto c = pool.text(a.key) <=> pool.text(b.key); c != 0) return c;
    if (const auto c = a.time <=> b.time; c != 0) return c;
    if (const auto c = a.order <=> b.order; c != 0) return c;
    if ((a.value == no_value) != (b.value == no_value))
      return (a.value == no_value) <=> (b.value == no_value);
    return pool.text(a.value) <=> pool.text(b.value);
  }
  std::size_t size_of(const Claim& claim) const {
    return sizeof(Claim) + pool.text(claim.key).size() + pool.text(claim.value).size();
  }

  Entity& entity_of(const std::string& id) {
    if (newest == nullptr || newest->first != id) {
      const auto [place, fresh] = entities.try_emplace(id);
      if (fresh) bytes += entity_bytes + id.size();
      newest = &*place;
    }
    return newest->second;
  }

  void insert(const std::string& id, const Claim& claim) {
    Entity& entity = entity_of(id);
    const auto less = [this](const Claim& a, const Claim& b) { return compare(a, b) < 0; };
    const auto at = std::lower_bound(entity.claims.begin(), entity.claims.end(), claim, less);
    if (at != entity.claims.end() && compare(*at, claim) == 0) return;
    entity.claims.insert(at, claim);
    bytes += size_of(claim);
    entity.latest = std::max(entity.latest, claim.time);
    trim(entity, claim.attribute);
    index(id, claim);
  }

  // Keeps the newest values of an attribute: the newest of a union are the same whatever came first.
  void trim(Entity& entity, Attribute attribute) {
    const auto begin = std::ranges::lower_bound(entity.claims, attribute, {}, &Claim::attribute);
    const auto end = std::ranges::upper_bound(entity.claims, attribute, {}, &Claim::attribute);
    if (static_cast<std::size_t>(end - begin) <= claims_max(attribute)) return;
    const auto oldest = std::min_element(begin, end, [this](const Claim& a, const Claim& b) {
      return std::tie(a.time, a.order) != std::tie(b.time, b.order)
                 ? std::tie(a.time, a.order) < std::tie(b.time, b.order)
                 : compare(a, b) < 0;
    });
    bytes -= size_of(*oldest);
    entity.claims.erase(oldest);
    ++dropped;
    ++removed_claims;
  }

  void index(const std::string& id, const Claim& claim) {
    const std::string_view key = pool.text(claim.key), value = pool.text(claim.value);
    if (claim.value == no_value) return;
    switch (claim.attribute) {
      case Attribute::private_ip:
      case Attribute::public_ip:
      case Attribute::ipv6:
      case Attribute::nat_address:
        if (const auto ip = IpAddress::parse(key)) holders_by_ip[*ip].insert(id);
        break;
      case Attribute::address:
        if (const auto ip = IpAddress::parse(value)) holders_by_ip[*ip].insert(id);
        break;
      case Attribute::attachment:
        interfaces_by_instance[std::string(value)].insert(id);
        break;
      case Attribute::association:
        allocations_by_target[std::string(value)].insert(id);
        break;
      case Attribute::account: {
        const auto [since, fresh] = account_since.try_emplace(std::string(value), claim.time);
        since->second = std::min(since->second, claim.time);
        break;
      }
      case Attribute::allocation:
        nats_by_allocation[std::string(key)].insert(id);
        break;
      case Attribute::customer_address:
        if (const auto ip = IpAddress::parse(value)) customer_gateways_by_network[network_of(*ip)].insert(id);
        break;
      case Attribute::vpc:
        if (id.starts_with("nat-")) nats_by_vpc[std::string(value)].insert(id);
        break;
      default:
        break;
    }
  }
  void index(const std::string& interface_id, const Sighting& sighting) {
    for (const IpAddress& ip : sighting.candidates) holders_by_ip[ip].insert(interface_id);
    for (const auto& [instance, since] : sighting.instances)
      interfaces_by_instance[instance].insert(interface_id);
  }

  void rebuild() {
    StringPool fresh;
    for (auto& [id, entity] : entities) {
      for (Claim& claim : entity.claims) {
        claim.key = fresh.id_of(pool.text(claim.key));
        if (claim.value != no_value) claim.value = fresh.id_of(pool.text(claim.value));
      }
    }
    pool = std::move(fresh);
    removed_claims = 0;
    holders_by_ip.clear();
    interfaces_by_instance.clear();
    allocations_by_target.clear();
    nats_by_vpc.clear();
    nats_by_allocation.clear();
    customer_gateways_by_network.clear();
    account_since.clear();
    for (const auto& [id, entity] : entities) {
      for (const Claim& claim : entity.claims) index(id, claim);
    }
    for (const auto& [id, sighting] : sightings) index(id, sighting);
  }

  const Entity* find(std::string_view id) const {
    const auto found = entities.find(id);
    return found == entities.end() ? nullptr : &found->second;
  }

  // Calls visit(key, claims of that key up to `at`, oldest first) for each key of an attribute.
  template <class Visit>
  void for_each_key(const Entity* entity, Attribute attribute, TimeMs at, Visit visit) const {
    if (!entity) return;
    auto begin = std::ranges::lower_bound(entity->claims, attribute, {}, &Claim::attribute);
    const auto all_end = std::ranges::upper_bound(entity->claims, attribute, {}, &Claim::attribute);
    while (begin != all_end) {
      auto end = begin;
      while (end != all_end && end->key == begin->key) ++end;
      auto seen = begin;
      while (seen != end && seen->time <= at) ++seen;
      if (seen != begin) visit(pool.text(begin->key), std::span<const Claim>(begin, seen));
      begin = end;
    }
  }

  // The last claim of an attribute without keys.
  const Claim* last(const Entity* entity, Attribute attribute, TimeMs at) const {
    const Claim* found = nullptr;
    for_each_key(entity, attribute, at,
                 [&](std::string_view, std::span<const Claim> claims) { found = &claims.back(); });
    return found;
  }
  std::optional<std::string> value(const Entity* entity, Attribute attribute, TimeMs at) const {
    const Claim* claim = last(entity, attribute, at);
    if (!claim || claim->value == no_value) return std::nullopt;
    return std::string(pool.text(claim->value));
  }
  std::string text(const Entity* entity, Attribute attribute, TimeMs at) const {
    return value(entity, attribute, at).value_or(std::string{});
  }
  std::optional<bool> flag(const Entity* entity, Attribute attribute, TimeMs at) const {
    const auto found = value(entity, attribute, at);
    if (!found) return std::nullopt;
    return *found == "true";
  }
  static bool later(const Claim& a, const Claim& b) {
    return std::tie(a.time, a.order) > std::tie(b.time, b.order);
  }

  bool known(const Entity* entity, TimeMs at) const {
    return entity &&
           std::ranges::any_of(entity->claims, [at](const Claim& claim) { return claim.time <= at; });
  }
  bool deleted(const Entity* entity, TimeMs at) const {
    return last(entity, Attribute::deleted, at) != nullptr;
  }
  // Whether link `id` (an attachment, an association) made by `start` has ended.
  bool ended(std::string_view id, const Claim& start, TimeMs at) const {
    if (id.empty()) return false;
    const Claim* end = last(find(id), Attribute::ended, at);
    return end && end->time >= start.time;
  }
  std::string state_of(std::string_view instance_id, TimeMs at) const {
    return current_state(text(find(instance_id), Attribute::state, at));
  }

  // ---- interfaces ----
  // The target of the newest link of `attribute` that has not ended.
  const Claim* open_link(const Entity* entity, Attribute attribute, TimeMs at) const {
    const Claim* newest = nullptr;
    for_each_key(entity, attribute, at, [&](std::string_view key, std::span<const Claim> claims) {
      const Claim& claim = claims.back();
      if ((!newest || later(claim, *newest)) && claim.value != no_value)
        newest = ended(key, claim, at) ? newest : &claim;
    });
    return newest;
  }
  std::string instance_of(std::string_view interface_id, TimeMs at) const {
    if (const Claim* link = open_link(find(interface_id), Attribute::attachment, at))
      return std::string(pool.text(link->value));
    if (const Entity* entity = find(interface_id); entity && last(entity, Attribute::attachment, at))
      return {};  // detached
    const auto seen = sightings.find(interface_id);
    if (seen == sightings.end()) return {};
    // The instance named last before that time, else the first one named after it.
    const std::pair<const std::string, TimeMs>* best = nullptr;
    for (const auto& named : seen->second.instances) {
      const bool before = named.second <= at;
      if (!best || (before && best->second > at) ||
          (before ? named.second > best->second : named.second < best->second)) {
        if (!best || before || best->second > at) best = &named;
      }
    }
    return best ? best->first : std::string{};
  }
  bool interface_alive(std::string_view interface_id, TimeMs at) const {
    const Entity* entity = find(interface_id);
    if (!known(entity, at)) return sightings.contains(interface_id);
    return !deleted(entity, at);
  }
  struct OwnIp {
    IpAddress ip;
    bool primary = false;
    std::string dns;
  };
  std::vector<OwnIp> private_ips(const Entity* entity, TimeMs at) const {
    std::vector<OwnIp> found;
    for_each_key(entity, Attribute::private_ip, at, [&](std::string_view key, std::span<const Claim> claims) {
      const Claim& claim = claims.back();
      if (claim.value == no_value) return;
      const std::string_view value = pool.text(claim.value);  // "1" when primary, then the DNS name
      if (const auto ip = IpAddress::parse(key))
        found.push_back({*ip, value.starts_with('1'), std::string(value.substr(1))});
    });
    std::ranges::sort(found, [](const OwnIp& a, const OwnIp& b) {
      return a.primary != b.primary ? a.primary : a.ip < b.ip;
    });
    return found;
  }
  bool has_inner(const Entity* entity, const IpAddress& ip, TimeMs at) const {
    bool found = false;
    for_each_key(entity, ip.is_v4() ? Attribute::private_ip : Attribute::ipv6, at,
                 [&](std::string_view key, std::span<const Claim> claims) {
                   found |= claims.back().value != no_value && IpAddress::parse(key) == ip;
                 });
    return found;
  }
  std::vector<IpAddress> addresses(const Entity* entity, Attribute attribute, TimeMs at) const {
    std::vector<IpAddress> found;
    for_each_key(entity, attribute, at, [&](std::string_view key, std::span<const Claim> claims) {
      if (claims.back().value == no_value) return;
      if (const auto ip = IpAddress::parse(key)) found.push_back(*ip);
    });
    std::ranges::sort(found);
    return found;
  }
  // Addresses given with the instance go when it stops; elastic ones stay.
  std::vector<IpAddress> automatic_ips(std::string_view interface_id, const Entity* entity, TimeMs at) const {
    std::vector<IpAddress> found;
    const std::string instance = instance_of(interface_id, at);
    const Entity* owner = find(instance);
    for_each_key(entity, Attribute::public_ip, at, [&](std::string_view key, std::span<const Claim> claims) {
      const Claim& claim = claims.back();
      if (claim.value == no_value) return;
      bool released = false;
      for_each_key(owner, Attribute::state, at, [&](std::string_view, std::span<const Claim> states) {
        for (const Claim& state : states) {
          released |= state.time > claim.time && !runs(current_state(std::string(pool.text(state.value))));
        }
      });
      const auto ip = IpAddress::parse(key);
      if (ip && !released) found.push_back(*ip);
    });
    return found;
  }

  // ---- elastic addresses ----
  std::optional<IpAddress> allocated_ip(const Entity* allocation, TimeMs at) const {
    const auto found = value(allocation, Attribute::address, at);
    return found ? IpAddress::parse(*found) : std::nullopt;
  }
  bool allocation_alive(const Entity* allocation, TimeMs at) const {
    if (!known(allocation, at) || deleted(allocation, at)) return false;
    const auto ip = allocated_ip(allocation, at);
    const Claim* released = ip ? last(find("eip/" + ip->to_string()), Attribute::deleted, at) : nullptr;
    const Claim* given = last(allocation, Attribute::address, at);
    return !released || (given && released->time < given->time);
  }
  std::string allocation_target(std::string_view id, TimeMs at) const {
    const Entity* allocation = find(id);
    if (!allocation_alive(allocation, at)) return {};
    if (id.starts_with("eip/") && named_by_allocation(allocation, at)) return {};
    const Claim* link = open_link(allocation, Attribute::association, at);
    if (!link) return {};
    if (const auto ip = allocated_ip(allocation, at)) {
      const Claim* end = last(find("eip/" + ip->to_string()), Attribute::ended, at);
      if (end && end->time >= link->time) return {};
    }
    std::string target(pool.text(link->value));
    const std::string instance = target.starts_with("i-") ? target : instance_of(target, at);
    if (!instance.empty() && state_of(instance, at) == "terminated") return {};
    if (target.starts_with("eni-") && !interface_alive(target, at)) return {};
    return target;
  }
  // An elastic address known only by its number (describe-instances) gives way to what is told of its
  // allocation.
  bool named_by_allocation(const Entity* by_ip, TimeMs at) const {
    const auto ip = allocated_ip(by_ip, at);
    const auto holders = ip ? holders_by_ip.find(*ip) : holders_by_ip.end();
    if (holders == holders_by_ip.end()) return false;
    return std::ranges::any_of(holders->second, [&](const std::string& holder) {
      if (!holder.starts_with("eipalloc-")) return false;
      bool told = false;
      for_each_key(find(holder), Attribute::association, at,
                   [&](std::string_view, std::span<const Claim>) { told = true; });
      return told;
    });
  }
  std::vector<IpAddress> elastic_ips(std::string_view target, TimeMs at) const {
    std::vector<IpAddress> found;
    const auto candidates = allocations_by_target.find(target);
    if (candidates == allocations_by_target.end()) return found;
    for (const std::string& id : candidates->second) {
      if (allocation_target(id, at) != target) continue;
      if (const auto ip = allocated_ip(find(id), at)) found.push_back(*ip);
    }
    return found;
  }
  std::vector<IpAddress> nat_ips(const Entity* nat, TimeMs at) const {
    std::vector<IpAddress> found;
    if (!known(nat, at) || deleted(nat, at)) return found;
    found = addresses(nat, Attribute::nat_address, at);
    for_each_key(nat, Attribute::allocation, at, [&](std::string_view key, std::span<const Claim> claims) {
      const Entity* allocation = find(key);
      if (claims.back().value == no_value || !allocation_alive(allocation, at)) return;
      if (const auto ip = allocated_ip(allocation, at)) found.push_back(*ip);
    });
    return found;
  }

  std::string nat_of_allocation(std::string_view allocation, TimeMs at) const {
    const auto nats = nats_by_allocation.find(allocation);
    if (nats == nats_by_allocation.end()) return {};
    for (const std::string& id : nats->second) {
      const Entity* nat = find(id);
      if (known(nat, at) && !deleted(nat, at)) return id;
    }
    return {};
  }

  std::vector<std::string> interfaces_of(std::string_view instance_id, TimeMs at) const {
    std::vector<std::string> found;
    const auto candidates = interfaces_by_instance.find(instance_id);
    if (candidates == interfaces_by_instance.end()) return found;
    for (const std::string& id : candidates->second) {
      if (interface_alive(id, at) && instance_of(id, at) == instance_id) found.push_back(id);
    }
    return found;
  }

  class Teller;
  struct Lesson;
  static std::span<const Lesson> lessons();
};

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
  const Element inner = member(response, "CreateNatGatewayResponse");
  nat(member(inner ? inner : response, "natGateway"));
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
  const Element inner = member(response, "AssociateNatGatewayAddressResponse");
  nat(inner ? inner : response);
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
  const Element inner = member(response, "CreateTransitGatewayVpcAttachmentResponse");
  transit(member(inner ? inner : response, "transitGatewayVpcAttachment"));
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
  const Element inner = member(response, "CreateVpcEndpointResponse");
  endpoint(member(inner ? inner : response, "vpcEndpoint"));
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

// ---- look-ups ----

std::optional<InterfaceFact> Facts::interface(std::string_view interface_id, TimeMs at) const {
  const Entity* entity = impl_->find(interface_id);
  if (!impl_->known(entity, at)) entity = nullptr;
  const auto seen = impl_->sightings.find(interface_id);
  if (!entity && seen == impl_->sightings.end()) return std::nullopt;
  InterfaceFact fact;
  fact.interface_id = interface_id;
  fact.account = impl_->text(entity, Attribute::account, at);
  fact.region = impl_->text(entity, Attribute::region, at);
  fact.vpc_id = impl_->text(entity, Attribute::vpc, at);
  fact.subnet_id = impl_->text(entity, Attribute::subnet, at);
  fact.private_dns_name = impl_->text(entity, Attribute::private_dns, at);
  fact.public_dns_name = impl_->text(entity, Attribute::public_dns, at);
  fact.type = impl_->text(entity, Attribute::interface_type, at);
  fact.function_name = impl_->text(entity, Attribute::function, at);
  fact.instance_id = impl_->instance_of(interface_id, at);
  for (Impl::OwnIp& own : impl_->private_ips(entity, at)) {
    fact.private_ips.push_back(own.ip);
    fact.private_dns_names.push_back(std::move(own.dns));
  }
  if (fact.private_ips.empty()) {
    if (const auto ip = local_address(interface_id, at)) {
      (ip->is_v4() ? fact.private_ips : fact.ipv6).push_back(*ip);
      if (ip->is_v4()) fact.private_dns_names.emplace_back();
    }
  }
  fact.public_ips = impl_->elastic_ips(interface_id, at);
  for (const IpAddress& ip : impl_->automatic_ips(interface_id, entity, at)) fact.public_ips.push_back(ip);
  for (const IpAddress& ip : impl_->addresses(entity, Attribute::ipv6, at)) fact.ipv6.push_back(ip);
  const std::string groups = impl_->text(entity, Attribute::groups, at);
  for_each_pair(groups, [&](std::string_view id, std::string_view name) {
    std::string known_name(name);
    if (known_name.empty()) known_name = impl_->text(impl_->find(id), Attribute::group_name, at);
    fact.security_groups.emplace_back(std::string(id), std::move(known_name));
  });
  if (seen != impl_->sightings.end()) {
    const Sighting& sighting = seen->second;
    if (fact.account.empty()) fact.account = sighting.account;
    if (fact.region.empty()) fact.region = sighting.region;
    if (fact.vpc_id.empty()) fact.vpc_id = sighting.vpc_id;
    if (fact.subnet_id.empty()) fact.subnet_id = sighting.subnet_id;
  }
  return fact;
}

std::optional<InstanceFact> Facts::instance(std::string_view instance_id, TimeMs at) const {
  const Entity* entity = impl_->find(instance_id);
  if (!impl_->known(entity, at)) entity = nullptr;
  InstanceFact fact;
  fact.interface_ids = impl_->interfaces_of(instance_id, at);
  if (!entity && fact.interface_ids.empty()) return std::nullopt;
  fact.instance_id = instance_id;
  fact.account = impl_->text(entity, Attribute::account, at);
  fact.region = impl_->text(entity, Attribute::region, at);
  fact.image_id = impl_->text(entity, Attribute::image, at);
  fact.instance_type = impl_->text(entity, Attribute::instance_type, at);
  fact.launch_time = impl_->text(entity, Attribute::launch_time, at);
  fact.platform = impl_->text(entity, Attribute::platform, at);
  fact.state = current_state(impl_->text(entity, Attribute::state, at));
  fact.availability_zone = impl_->text(entity, Attribute::zone, at);
  fact.profile_arn = impl_->text(entity, Attribute::profile_arn, at);
  fact.profile_id = impl_->text(entity, Attribute::profile_id, at);
  fact.vpc_id = impl_->text(entity, Attribute::vpc, at);
  fact.subnet_id = impl_->text(entity, Attribute::subnet, at);
  const Claim* cleared = impl_->last(entity, Attribute::tags_cleared, at);
  impl_->for_each_key(entity, Attribute::tag, at, [&](std::string_view key, std::span<const Claim> claims) {
    std::optional<std::string> value;
    for (const Claim& claim : claims) {
      if (cleared && !Impl::later(claim, *cleared)) continue;
      const std::string_view said = impl_->pool.text(claim.value);  // see create_tags and delete_tags
      if (said.starts_with('=')) {
        value = said.substr(1);
      } else if (said == "-" || (said.starts_with("-=") && value == said.substr(2))) {
        value.reset();
      }
    }
    if (value) fact.tags.push_back({std::string(key), *value});
  });
  for (const std::string& id : fact.interface_ids) {
    if (!fact.vpc_id.empty() && !fact.account.empty()) break;
    const auto own = interface(id, at);
    if (!own) continue;
    if (fact.account.empty()) fact.account = own->account;
    if (fact.region.empty()) fact.region = own->region;
    if (fact.vpc_id.empty()) fact.vpc_id = own->vpc_id;
    if (fact.subnet_id.empty()) fact.subnet_id = own->subnet_id;
  }
  return fact;
}

std::optional<IpAddress> Facts::local_address(std::string_view interface_id, TimeMs at) const {
  if (const auto own = impl_->private_ips(impl_->find(interface_id), at); !own.empty()) return own.front().ip;
  const auto seen = impl_->sightings.find(interface_id);
  if (seen == impl_->sightings.end()) return std::nullopt;
  const std::vector<IpAddress>& candidates = seen->second.candidates;
  if (candidates.size() == 1) return candidates.front();
  // Flow records always show an interface's private address, so of a private and a public one the former is
  // its own.
  if (candidates.size() == 2 && candidates[0].is_public() != candidates[1].is_public()) {
    return candidates[0].is_public() ? candidates[1] : candidates[0];
  }
  return std::nullopt;
}

std::optional<std::string> Facts::instance_by_ip(std::string_view account, std::string_view vpc_id,
                                                 const IpAddress& ip, TimeMs at) const {
  const auto holders = impl_->holders_by_ip.find(ip);
  if (holders == impl_->holders_by_ip.end()) return std::nullopt;
  std::string vpc_of_endpoint;
  if (vpc_id.starts_with("vpce-")) {
    const Entity* endpoint = impl_->find(vpc_id);
    if (!endpoint || impl_->deleted(endpoint, at)) return std::nullopt;
    vpc_of_endpoint = impl_->text(endpoint, Attribute::vpc, at);
    if (vpc_of_endpoint.empty()) return std::nullopt;
    vpc_id = vpc_of_endpoint;
  }
  std::string found;
  for (const std::string& id : holders->second) {
    if (!id.starts_with("eni-") || !impl_->interface_alive(id, at)) continue;
    std::string instance = impl_->instance_of(id, at);
    if (instance.empty() || instance == found) continue;
    const Entity* entity = impl_->find(id);
    if (!impl_->known(entity, at)) entity = nullptr;
    const auto seen = impl_->sightings.find(id);
    const auto said = [&](Attribute attribute, std::string Sighting::* as_seen) {
      std::string text = impl_->text(entity, attribute, at);
      if (text.empty() && seen != impl_->sightings.end()) text = seen->second.*as_seen;
      return text;
    };
    if (!account.empty() && said(Attribute::account, &Sighting::account) != account) continue;
    if (!vpc_id.empty()) {
      const std::string vpc = said(Attribute::vpc, &Sighting::vpc_id);
      if (!vpc.empty() && vpc != vpc_id) continue;
    }
    if (!impl_->has_inner(entity, ip, at) && local_address(id, at) != ip) continue;
    if (impl_->state_of(instance, at) == "terminated") continue;
    // Two VPCs of an account may use the same addresses: then it is not known which was meant.
    if (!found.empty()) return std::nullopt;
    found = std::move(instance);
  }
  return found.empty() ? std::nullopt : std::optional(std::move(found));
}

std::vector<IpAddress> Facts::public_addresses_of_instance(std::string_view instance_id, TimeMs at) const {
  std::set<IpAddress> found;
  std::set<std::string> vpcs;
  const auto add = [&](const std::vector<IpAddress>& ips) { found.insert(ips.begin(), ips.end()); };
  add(impl_->elastic_ips(instance_id, at));
  for (const std::string& id : impl_->interfaces_of(instance_id, at)) {
    const auto own = interface(id, at);
    if (!own) continue;
    add(own->public_ips);
    add(own->ipv6);  // routable as they are
    vpcs.insert(own->vpc_id);
  }
  if (const auto vpc = impl_->value(impl_->find(instance_id), Attribute::vpc, at)) vpcs.insert(*vpc);
  for (const std::string& vpc : vpcs) {
    const auto nats = impl_->nats_by_vpc.find(vpc);
    if (vpc.empty() || nats == impl_->nats_by_vpc.end()) continue;
    for (const std::string& id : nats->second) add(impl_->nat_ips(impl_->find(id), at));
  }
  return {found.begin(), found.end()};
}

std::vector<IpAddress> Facts::inner_addresses_of_instance(std::string_view instance_id, TimeMs at) const {
  std::vector<IpAddress> found;
  for (const std::string& id : impl_->interfaces_of(instance_id, at)) {
    const Entity* entity = impl_->find(id);
    for (const Impl::OwnIp& own : impl_->private_ips(entity, at)) found.push_back(own.ip);
    const auto v6 = impl_->addresses(entity, Attribute::ipv6, at);
    found.insert(found.end(), v6.begin(), v6.end());
    if (entity == nullptr) {
      if (const auto seen = local_address(id, at)) found.push_back(*seen);
    }
  }
  return found;
}

std::optional<PublicAddressFact> Facts::public_address(const IpAddress& ip, TimeMs at) const {
  const auto holders = impl_->holders_by_ip.find(ip);
  if (holders == impl_->holders_by_ip.end()) return std::nullopt;
  const Claim* newest = nullptr;
  std::string target;  // what uses it
  for (const std::string& id : holders->second) {
    const Entity* entity = impl_->find(id);
    if (!impl_->known(entity, at)) continue;
    bool holds = false;
    std::string user = id;
    if (id.starts_with("eni-")) {
      if (!impl_->interface_alive(id, at)) continue;
      const auto automatic = impl_->automatic_ips(id, entity, at),
                 v6 = impl_->addresses(entity, Attribute::ipv6, at);
      holds = std::ranges::find(automatic, ip) != automatic.end() || std::ranges::find(v6, ip) != v6.end();
    } else if (id.starts_with("nat-")) {
      const auto own = impl_->nat_ips(entity, at);
      holds = std::ranges::find(own, ip) != own.end();
    } else {
      holds = impl_->allocation_alive(entity, at) && impl_->allocated_ip(entity, at) == ip;
      user = impl_->allocation_target(id, at);
      if (user.empty()) user = impl_->nat_of_allocation(id, at);
    }
    const Claim* account = holds ? impl_->last(entity, Attribute::account, at) : nullptr;
    if (!account) continue;
    if (!user.empty()) target = user;
    if (!newest || Impl::later(*account, *newest)) newest = account;
  }
  if (!newest) return std::nullopt;
  PublicAddressFact fact{.account = std::string(impl_->pool.text(newest->value))};
  const Entity* entity = impl_->find(target);
  fact.nat_gateway =
      target.starts_with("nat-") ||
      (target.starts_with("eni-") && impl_->text(entity, Attribute::interface_type, at) == "nat_gateway");
  fact.vpc_id = impl_->text(entity, Attribute::vpc, at);
  fact.instance_id = target.starts_with("i-") ? target : impl_->instance_of(target, at);
  return fact;
}

bool Facts::forwards_traffic(std::string_view instance_id, TimeMs at) const {
  const auto forwards = [&](std::string_view id) {
    bool found = false;
    impl_->for_each_key(
        impl_->find(id), Attribute::forwards, at,
        [&](std::string_view, std::span<const Claim> claims) { found |= claims.back().value != no_value; });
    return found;
  };
  return forwards(instance_id) || std::ranges::any_of(impl_->interfaces_of(instance_id, at), forwards);
}

bool Facts::share_transit_gateway(std::string_view vpc_id, std::string_view other_vpc_id, TimeMs at) const {
  const auto gateways = [&](std::string_view vpc) {
    std::set<std::string_view> found;
    impl_->for_each_key(impl_->find(vpc), Attribute::transit_gateway, at,
                        [&](std::string_view attachment, std::span<const Claim> claims) {
                          if (!impl_->ended(attachment, claims.back(), at))
                            found.insert(impl_->pool.text(claims.back().value));
                        });
    return found;
  };
  const auto own = gateways(vpc_id), others = gateways(other_vpc_id);
  return std::ranges::any_of(own, [&](std::string_view gateway) { return others.contains(gateway); });
}

bool Facts::beside_customer_gateway(const IpAddress& ip, TimeMs at) const {
  const auto found = impl_->customer_gateways_by_network.find(network_of(ip));
  return found != impl_->customer_gateways_by_network.end() &&
         std::ranges::any_of(found->second, [&](const std::string& id) {
           const Entity* gateway = impl_->find(id);
           return impl_->known(gateway, at) && !impl_->deleted(gateway, at);
         });
}

std::optional<bool> Facts::aws_address(const IpAddress& ip) const {
  if (!impl_->aws_ranges) return std::nullopt;
  return impl_->aws_ranges(ip);
}

void Facts::use_aws_ranges(std::function<bool(const IpAddress&)> holds) {
  impl_->aws_ranges = std::move(holds);
}

std::optional<BucketFact> Facts::bucket(std::string_view name, TimeMs at) const {
  const Entity* entity = impl_->find("bucket/" + std::string(name));
  if (!impl_->known(entity, at)) return std::nullopt;
  const Claim* created = impl_->last(entity, Attribute::created, at);
  const Claim* removed = impl_->last(entity, Attribute::deleted, at);
  if (removed && (!created || Impl::later(*removed, *created))) return std::nullopt;
  // What was said of an earlier bucket of that name does not hold for this one.
  const auto said = [&](Attribute attribute) -> std::optional<std::string> {
    const Claim* claim = impl_->last(entity, attribute, at);
    if (!claim || claim->value == no_value || (created && removed && Impl::later(*created, *claim)))
      return std::nullopt;
    return std::string(impl_->pool.text(claim->value));
  };
  const auto flag = [&](Attribute attribute) -> std::optional<bool> {
    const auto value = said(attribute);
    return value ? std::optional(*value == "true") : std::nullopt;
  };
  BucketFact fact;
  fact.name = name;
  fact.owner_account = said(Attribute::owner).value_or("");
  if (created && created->time != known_forever) fact.created_at = format_time(created->time);
  fact.encryption_type = said(Attribute::encryption).value_or("");
  fact.kms_key_arn = said(Attribute::kms_key).value_or("");
  fact.block_public_acls = flag(Attribute::block_public_acls);
  fact.ignore_public_acls = flag(Attribute::ignore_public_acls);
  fact.block_public_policy = flag(Attribute::block_public_policy);
  fact.restrict_public_buckets = flag(Attribute::restrict_public_buckets);
  fact.acl_public_read = flag(Attribute::acl_read);
  fact.acl_public_write = flag(Attribute::acl_write);
  fact.policy = said(Attribute::policy).value_or("");
  for_each_pair(said(Attribute::tag_set).value_or(""), [&](std::string_view key, std::string_view value) {
    fact.tags.push_back({std::string(key), std::string(value)});
  });
  if (const Entity* account = impl_->find("s3-account/" + fact.owner_account)) {
    fact.account_block_public_acls = impl_->flag(account, Attribute::block_public_acls, at);
    fact.account_ignore_public_acls = impl_->flag(account, Attribute::ignore_public_acls, at);
    fact.account_block_public_policy = impl_->flag(account, Attribute::block_public_policy, at);
    fact.account_restrict_public_buckets = impl_->flag(account, Attribute::restrict_public_buckets, at);
  }
  return fact;
}

std::optional<IngressFact> Facts::opened_by(std::string_view interface_id, std::uint8_t protocol,
                                            std::uint16_t port, const IpAddress& remote, TimeMs at) const {
  const std::string groups = impl_->text(impl_->find(interface_id), Attribute::groups, at);
  std::optional<IngressFact> found;
  for_each_pair(groups, [&](std::string_view group, std::string_view) {
    impl_->for_each_key(
        impl_->find(group), Attribute::ingress, at,
        [&](std::string_view rule, std::span<const Claim> claims) {
          const Claim& claim = claims.back();
          if (found || claim.value == no_value || impl_->ended(impl_->pool.text(claim.value), claim, at))
            return;
          if (ingress_allows(rule, protocol, port, remote))
            found = IngressFact{std::string(group), std::string(rule)};
        });
  });
  return found;
}

std::optional<std::string> Facts::emr_cluster_of(std::string_view instance_id, TimeMs at) const {
  const auto fact = instance(instance_id, at);
  if (!fact) return std::nullopt;
  for (const Tag& tag : fact->tags) {
    if (tag.key == "aws:elasticmapreduce:job-flow-id") return tag.value;
  }
  return std::nullopt;
}

std::optional<FunctionFact> Facts::function(std::string_view account, std::string_view region,
                                            std::string_view name, TimeMs at) const {
  const Entity* entity =
      impl_->find("function/" + std::string(account) + '/' + std::string(region) + '/' + std::string(name));
  if (!impl_->known(entity, at)) return std::nullopt;
  const Claim* created = impl_->last(entity, Attribute::created, at);
  const Claim* removed = impl_->last(entity, Attribute::deleted, at);
  if (!created || (removed && Impl::later(*removed, *created))) return std::nullopt;
  return FunctionFact{.account = std::string(account),
                      .region = std::string(region),
                      .name = std::string(name),
                      .arn = impl_->text(entity, Attribute::arn, at),
                      .description = impl_->text(entity, Attribute::description, at),
                      .role = impl_->text(entity, Attribute::role, at),
                      .version = impl_->text(entity, Attribute::version, at),
                      .revision_id = impl_->text(entity, Attribute::revision, at),
                      .last_modified = parse_time(impl_->text(entity, Attribute::last_modified, at))};
}

std::optional<std::string> Facts::trail_of_bucket(std::string_view bucket, TimeMs at) const {
  const Entity* entity = impl_->find("trail-bucket/" + std::string(bucket));
  std::optional<std::string> found;
  impl_->for_each_key(entity, Attribute::trail, at,
                      [&](std::string_view trail, std::span<const Claim> claims) {
                        // The trail may deliver elsewhere by now, or be gone.
                        if (!found && impl_->text(impl_->find(trail), Attribute::trail_bucket, at) == bucket)
                          found = impl_->pool.text(claims.back().value);
                      });
  if (!found && impl_->last(entity, Attribute::trail_delivery, at) != nullptr) found = "CloudTrail";
  return found;
}

std::optional<GeoPlace> Facts::place(const IpAddress& ip) const {
  return impl_->place_of ? impl_->place_of(ip) : std::nullopt;
}

bool Facts::has_places() const { return static_cast<bool>(impl_->place_of); }

void Facts::use_places(std::function<std::optional<GeoPlace>(const IpAddress&)> place_of) {
  impl_->place_of = std::move(place_of);
}

std::optional<ClusterFact> Facts::cluster_named(std::string_view name, TimeMs at) const {
  std::optional<ClusterFact> only;
  constexpr std::string_view prefix = "cluster/";
  for (auto place = impl_->entities.lower_bound(prefix); place != impl_->entities.end(); ++place) {
    const std::string_view id = place->first;
    if (!id.starts_with(prefix)) break;
    const std::size_t region_at = id.find('/', prefix.size()) + 1, name_at = id.find('/', region_at) + 1;
    if (id.substr(name_at) != name) continue;
    auto found = cluster(id.substr(prefix.size(), region_at - 1 - prefix.size()),
                         id.substr(region_at, name_at - 1 - region_at), name, at);
    if (!found) continue;
    if (only) return std::nullopt;
    only = std::move(found);
  }
  return only;
}

std::optional<ClusterFact> Facts::cluster(std::string_view account, std::string_view region,
                                          std::string_view name, TimeMs at) const {
  const Entity* entity =
      impl_->find("cluster/" + std::string(account) + '/' + std::string(region) + '/' + std::string(name));
  if (!impl_->known(entity, at)) return std::nullopt;
  const Claim* created = impl_->last(entity, Attribute::created, at);
  const Claim* removed = impl_->last(entity, Attribute::deleted, at);
  if (!created || (removed && Impl::later(*removed, *created))) return std::nullopt;
  ClusterFact fact;
  fact.account = account;
  fact.region = region;
  fact.name = name;
  fact.arn = impl_->text(entity, Attribute::arn, at);
  fact.vpc_id = impl_->text(entity, Attribute::vpc, at);
  fact.status = impl_->text(entity, Attribute::status, at);
  // Its audit log is being read: it has come up since.
  if (fact.status == "CREATING") fact.status = "ACTIVE";
  if (const auto time = impl_->value(entity, Attribute::created_at, at)) {
    TimeMs parsed = 0;
    if (std::from_chars(time->data(), time->data() + time->size(), parsed).ec == std::errc{})
      fact.created_at = parsed;
  }
  for_each_pair(impl_->text(entity, Attribute::tag_set, at),
                [&](std::string_view key, std::string_view value) {
                  fact.tags.push_back({std::string(key), std::string(value)});
                });
  return fact;
}

bool Facts::knows_account(std::string_view account, TimeMs at) const {
  const auto since = impl_->account_since.find(account);
  return since != impl_->account_since.end() && since->second <= at;
}

std::optional<std::string> Facts::vpc_endpoint_owner(std::string_view endpoint_id, TimeMs at) const {
  const Entity* entity = impl_->find(endpoint_id);
  if (!entity || impl_->deleted(entity, at)) return std::nullopt;
  return impl_->value(entity, Attribute::account, at);
}

std::vector<ResourceFact> Facts::resources() const {
  constexpr TimeMs now = std::numeric_limits<TimeMs>::max();
  std::vector<ResourceFact> found;
  const auto for_each_with = [&](std::string_view prefix, const auto& visit) {
    for (auto at = impl_->entities.lower_bound(prefix);
         at != impl_->entities.end() && at->first.starts_with(prefix); ++at)
      visit(at->first, at->second);
  };
  const auto news_at = [](const Entity& entity) { return std::max<TimeMs>(entity.latest, 0); };
  // Clusters are kept as "cluster/ACCOUNT/REGION/NAME".
  const auto add_cluster = [&](ResourceType type, std::string_view id, const Entity& entity) {
    const Claim* created = impl_->last(&entity, Attribute::created, now);
    const Claim* removed = impl_->last(&entity, Attribute::deleted, now);
    if (!created || (removed && Impl::later(*removed, *created))) return;
    const std::size_t account = id.find('/') + 1, region = id.find('/', account) + 1,
                      name = id.find('/', region) + 1;
    found.push_back({.type = type,
                     .account = std::string(id.substr(account, region - 1 - account)),
                     .region = std::string(id.substr(region, name - 1 - region)),
                     .id = std::string(id.substr(name)),
                     .arn = impl_->text(&entity, Attribute::arn, now),
                     .news_at = news_at(entity)});
  };
  for_each_with("cluster/", [&](std::string_view id, const Entity& entity) {
    add_cluster(ResourceType::eks, id, entity);
  });
  for_each_with("ecs-cluster/", [&](std::string_view id, const Entity& entity) {
    add_cluster(ResourceType::ecs, id, entity);
  });

  std::set<std::string> ids;
  for_each_with("i-", [&](const std::string& id, const Entity&) { ids.insert(id); });
  for (const auto& [id, interfaces] : impl_->interfaces_by_instance)
    if (id.starts_with("i-")) ids.insert(id);
  for (const std::string& id : ids) {
    const auto fact = instance(id, now);
    if (!fact || !runs(fact->state)) continue;
    ResourceFact resource{.type = ResourceType::ec2,
                          .account = fact->account,
                          .region = fact->region,
                          .id = id,
                          .instance_type = fact->instance_type};
    if (const Entity* entity = impl_->find(id)) resource.news_at = news_at(*entity);
    for (const Tag& tag : fact->tags)
      if (tag.key == "aws:eks:cluster-name" || tag.key == "eks:cluster-name")
        resource.eks_cluster = tag.value;
    for (const std::string& interface_id : fact->interface_ids) {
      const auto seen = impl_->sightings.find(interface_id);
      if (seen == impl_->sightings.end()) continue;
      resource.flows_until = std::max(resource.flows_until.value_or(seen->second.last), seen->second.last);
    }
    resource.news_at = std::max(resource.news_at, resource.flows_until.value_or(0));
    found.push_back(std::move(resource));
  }
  return found;
}

// ---- budget, snapshot ----

std::size_t Facts::bytes() const { return impl_->bytes; }
void Facts::set_bytes_max(std::size_t bytes_max) { impl_->bytes_max = bytes_max; }
std::uint64_t Facts::evicted() const { return impl_->evicted; }
std::uint64_t Facts::dropped() const { return impl_->dropped; }

std::size_t Facts::evict() {
  Impl& facts = *impl_;
  if (facts.bytes <= facts.bytes_max) {
    if (facts.removed_claims > facts.pool.size() / 2 + 1024) facts.rebuild();
    return 0;
  }
  struct Candidate {
    std::string account, id;
    TimeMs latest = 0;
    bool imported = false, sighting = false;
    std::size_t bytes = 0;
  };
  std::vector<Candidate> candidates;
  std::map<std::string, std::size_t> used;
  for (const auto& [id, entity] : facts.entities) {
    std::size_t bytes = entity_bytes + id.size();
    for (const Claim& claim : entity.claims) bytes += facts.size_of(claim);
    candidates.push_back({facts.text(&entity, Attribute::account, std::numeric_limits<TimeMs>::max()), id,
                          entity.latest, entity.latest == known_forever, false, bytes});
  }
  for (const auto& [id, sighting] : facts.sightings) {
    candidates.push_back({sighting.account, id, sighting.last, false, true, id.size() + sighting.bytes()});
  }
  for (const Candidate& candidate : candidates) used[candidate.account] += candidate.bytes;
  std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
    return std::tie(a.imported, a.latest, a.id, a.sighting) <
           std::tie(b.imported, b.latest, b.id, b.sighting);
  });
  // A tenth of air, so that not every epoch has to forget.
  const std::size_t goal = facts.bytes_max - facts.bytes_max / 10, share = goal / used.size();
  std::size_t forgotten = 0;
  for (const bool only_above_share : {true, false}) {
    for (Candidate& candidate : candidates) {
      if (facts.bytes <= goal) break;
      if (candidate.bytes == 0 || (only_above_share && used[candidate.account] <= share)) continue;
      if (candidate.sighting) {
        facts.sightings.erase(candidate.id);
      } else {
        facts.newest = nullptr;
        facts.entities.erase(candidate.id);
      }
      facts.bytes -= candidate.bytes;
      used[candidate.account] -= candidate.bytes;
      candidate.bytes = 0;
      ++forgotten;
    }
  }
  facts.evicted += forgotten;
  facts.rebuild();
  return forgotten;
}

namespace {
constexpr std::uint32_t save_version = 1;
}

void Facts::save(Writer& out) const {
  out(save_version, impl_->evicted, impl_->dropped, static_cast<std::uint32_t>(impl_->entities.size()));
  for (const auto& [id, entity] : impl_->entities) {
    out(id, static_cast<std::uint32_t>(entity.claims.size()));
    for (const Claim& claim : entity.claims) {
      const std::uint8_t has_value = claim.value != no_value;
      out(claim.attribute, std::string(impl_->pool.text(claim.key)), claim.time, claim.order, has_value);
      if (has_value) out(std::string(impl_->pool.text(claim.value)));
    }
  }
  out(static_cast<std::uint32_t>(impl_->sightings.size()));
  for (const auto& [id, sighting] : impl_->sightings) out(id, sighting);
}

void Facts::load(Reader& in) {
  auto fresh = std::make_unique<Impl>();
  fresh->bytes_max = impl_->bytes_max;
  fresh->aws_ranges = impl_->aws_ranges;
  fresh->place_of = impl_->place_of;
  std::uint32_t version = 0, entities = 0, sightings = 0;
  std::uint64_t evicted = 0, dropped = 0;
  in(version, evicted, dropped, entities);
  if (version != save_version) in.fail();
  for (std::uint32_t i = 0; i < entities && !in.failed(); ++i) {
    std::string id;
    std::uint32_t claims = 0;
    in(id, claims);
    for (std::uint32_t n = 0; n < claims && !in.failed(); ++n) {
      Claim claim;
      std::string key, value;
      std::uint8_t has_value = 0;  // not bool: hostile bytes are neither
      in(claim.attribute, key, claim.time, claim.order, has_value);
      if (has_value) in(value);
      if (claim.attribute > Attribute::last || has_value > 1) in.fail();
      if (in.failed()) break;
      claim.key = fresh->pool.id_of(key);
      if (has_value) claim.value = fresh->pool.id_of(value);
      fresh->insert(id, claim);
    }
  }
  in(sightings);
  for (std::uint32_t i = 0; i < sightings && !in.failed(); ++i) {
    std::string id;
    Sighting sighting;
    in(id, sighting);
    if (fresh->sightings.contains(id)) in.fail();
    if (in.failed()) break;
    fresh->bytes += id.size() + sighting.bytes();
    fresh->index(id, sighting);
    fresh->sightings.insert_or_assign(std::move(id), std::move(sighting));
  }
  if (in.failed()) return;  // keeps what was known
  fresh->evicted = evicted;
  fresh->dropped = dropped;
  impl_ = std::move(fresh);
}

}  // namespace picket
