#include "engine/details.h"

#include "state/bucket_policy.h"

namespace picket {

static TagDetails tags_of(const std::vector<Tag>& tags) {
  TagDetails found;
  for (const Tag& tag : tags) found.emplace_back(tag.key, tag.value);
  return found;
}

std::optional<InstanceDetails> KnownDetails::instance(std::string_view instance_id, TimeMs at) const {
  const auto fact = facts_.instance(instance_id, at);
  if (!fact) return std::nullopt;
  return InstanceDetails{.instance_id = fact->instance_id,
                         .image_id = fact->image_id,
                         .instance_type = fact->instance_type,
                         .launch_time = fact->launch_time,
                         .platform = fact->platform,
                         .state = fact->state,
                         .availability_zone = fact->availability_zone,
                         .profile_arn = fact->profile_arn,
                         .profile_id = fact->profile_id,
                         .interface_ids = fact->interface_ids,
                         .tags = tags_of(fact->tags)};
}

std::optional<InterfaceDetails> KnownDetails::interface(std::string_view interface_id, TimeMs at) const {
  const auto fact = facts_.interface(interface_id, at);
  if (!fact) return std::nullopt;
  InterfaceDetails details{.interface_id = fact->interface_id,
                           .vpc_id = fact->vpc_id,
                           .subnet_id = fact->subnet_id,
                           .private_dns_name = fact->private_dns_name,
                           .public_dns_name = fact->public_dns_name,
                           .instance_id = fact->instance_id,
                           .type = fact->type,
                           .private_ips = {},
                           .public_ips = fact->public_ips,
                           .ipv6 = fact->ipv6,
                           .security_groups = fact->security_groups};
  for (std::size_t i = 0; i < fact->private_ips.size(); ++i) {
    details.private_ips.emplace_back(fact->private_ips[i], fact->private_dns_names[i]);
  }
  return details;
}

std::optional<std::string> KnownDetails::instance_by_ip(std::string_view account, std::string_view vpc_id,
                                                        const IpAddress& ip, TimeMs at) const {
  return facts_.instance_by_ip(account, vpc_id, ip, at);
}

std::optional<BucketDetails> KnownDetails::bucket(std::string_view name, TimeMs at) const {
  const auto fact = facts_.bucket(name, at);
  if (!fact) return std::nullopt;
  BucketDetails details{.owner_account = fact->owner_account,
                        .encryption_type = fact->encryption_type,
                        .kms_key_arn = fact->kms_key_arn,
                        .created_at = parse_time(fact->created_at),
                        .bucket = {fact->block_public_acls, fact->ignore_public_acls,
                                   fact->block_public_policy, fact->restrict_public_buckets},
                        .account = {fact->account_block_public_acls, fact->account_ignore_public_acls,
                                    fact->account_block_public_policy, fact->account_restrict_public_buckets},
                        .acl_public_read = fact->acl_public_read,
                        .acl_public_write = fact->acl_public_write,
                        .policy_public_read = {},
                        .policy_public_write = {},
                        .tags = tags_of(fact->tags)};
  // A bucket seen from its creation has no policy until one is put; of others it is not known.
  if (!fact->policy.empty() || details.created_at) {
    const BucketPolicyVerdict verdict = evaluate_bucket_policy(fact->policy);
    details.policy_public_read = verdict.public_read;
    details.policy_public_write = verdict.public_write;
  }
  return details;
}

std::optional<ClusterDetails> KnownDetails::cluster(std::string_view account, std::string_view region,
                                                    std::string_view name, TimeMs at) const {
  const auto fact = facts_.cluster(account, region, name, at);
  if (!fact) return std::nullopt;
  return ClusterDetails{fact->arn, fact->vpc_id, fact->status, fact->created_at, tags_of(fact->tags)};
}

std::optional<FunctionDetails> KnownDetails::function(std::string_view account, std::string_view region,
                                                      std::string_view name, TimeMs at) const {
  const auto fact = facts_.function(account, region, name, at);
  if (!fact) return std::nullopt;
  return FunctionDetails{.arn = fact->arn,
                         .description = fact->description,
                         .role = fact->role,
                         .version = fact->version,
                         .revision_id = fact->revision_id,
                         .last_modified = fact->last_modified};
}

GeoDetails KnownDetails::geo(const IpAddress& ip) const {
  if (!geo_) return {};
  const GeoInfo info = geo_->find(ip);
  return {.country_code = std::string(info.country_code),
          .country_name = std::string(info.country_name),
          .city = std::string(info.city),
          .as_org = std::string(info.as_org),
          .isp = std::string(info.isp),
          .org = std::string(info.org),
          .latitude = info.latitude,
          .longitude = info.longitude,
          .asn = info.asn};
}

}  // namespace picket
