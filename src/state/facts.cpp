#include "state/facts.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "state/facts_impl.h"

namespace picket {

using namespace facts_detail;

namespace {

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

}  // namespace

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
  // What passes on packets for the Internet and is no instance's: a NAT gateway's, or a transit gateway's.
  if (fact.type.empty() && fact.instance_id.empty() && seen != impl_->sightings.end() &&
      seen->second.forwards_since <= at)
    fact.type = "nat_gateway";
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

void Facts::hear_from(std::string_view account, TimeMs since) {
  constexpr std::size_t accounts_max = 100'000;  // ten times what AWS lets an organisation have
  const auto known = impl_->heard_since.find(account);
  if (known != impl_->heard_since.end()) {
    known->second = std::min(known->second, since);
  } else if (impl_->heard_since.size() < accounts_max) {
    impl_->heard_since.emplace(account, since);
  }
}

bool Facts::hears_from(std::string_view account, TimeMs at) const {
  const auto since = impl_->heard_since.find(account);
  return since != impl_->heard_since.end() && since->second <= at - day_ms;
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
constexpr std::uint32_t save_version = 2;
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
  out(impl_->heard_since);
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
  in(fresh->heard_since);
  if (in.failed()) return;  // keeps what was known
  fresh->evicted = evicted;
  fresh->dropped = dropped;
  impl_ = std::move(fresh);
}

}  // namespace picket
