// What Facts keeps, for those who learn (facts_teller.cpp) and those who look up (facts.cpp); nobody else
// includes it.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/flat_map.h"
#include "state/facts.h"

namespace picket {

namespace facts_detail {

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
  TimeMs first = 0, last = 0, forwards_since = InterfaceSighting::never;
  template <class Ar>
  void io(Ar& ar) {
    ar(account, region, vpc_id, subnet_id, candidates, instances, first, last, forwards_since);
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

inline std::string current_state(std::string state) {
  // No log tells when a transition ends; by the time anything else is seen of the instance it has.
  if (state == "pending") return "running";
  if (state == "stopping") return "stopped";
  if (state == "shutting-down") return "terminated";
  return state;
}

// The network that a company's line is taken to have: the smallest that the Internet routes.
inline IpPrefix network_of(const IpAddress& ip) {
  return *IpPrefix::parse(ip.to_string() + (ip.is_v4() ? "/24" : "/48"));
}

inline bool runs(std::string_view state) { return state != "stopped" && state != "terminated"; }

}  // namespace facts_detail

struct Facts::Impl {
  using Attribute = facts_detail::Attribute;
  using Claim = facts_detail::Claim;
  using Entity = facts_detail::Entity;
  using Sighting = facts_detail::Sighting;
  static constexpr std::uint32_t no_value = facts_detail::no_value;

  facts_detail::StringPool pool;
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
  FlatMap<std::string, TimeMs> heard_since;  // accounts, as hear_from() was told

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
      if (fresh) bytes += facts_detail::entity_bytes + id.size();
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
    if (static_cast<std::size_t>(end - begin) <= facts_detail::claims_max(attribute)) return;
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
        if (const auto ip = IpAddress::parse(value))
          customer_gateways_by_network[facts_detail::network_of(*ip)].insert(id);
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
    facts_detail::StringPool fresh;
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
    return facts_detail::current_state(text(find(instance_id), Attribute::state, at));
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
          released |= state.time > claim.time &&
                      !facts_detail::runs(facts_detail::current_state(std::string(pool.text(state.value))));
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

}  // namespace picket
