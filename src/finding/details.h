// What a finding says beyond its records, as of a time: what the inventory knows of the resource and where an
// address is. The structs belong to findings, so that rendering depends neither on state nor on enrichment;
// the engine fills them (engine/details.h). Empty texts and lists mean "not known".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/time.h"

namespace picket {

using TagDetails = std::vector<std::pair<std::string, std::string>>;  // key, value

struct InterfaceDetails {
  std::string interface_id, vpc_id, subnet_id, private_dns_name, public_dns_name;
  std::string instance_id;  // empty: none or not known
  // "interface" for one that instances use, else the service's own kind ("lambda", "nat_gateway", …).
  std::string type;
  std::vector<std::pair<IpAddress, std::string>> private_ips;  // with DNS name; the primary one first
  std::vector<IpAddress> public_ips, ipv6;
  std::vector<std::pair<std::string, std::string>> security_groups;  // id, name
};

struct InstanceDetails {
  std::string instance_id, image_id, instance_type, launch_time, platform, state, availability_zone;
  std::string profile_arn, profile_id;
  std::vector<std::string> interface_ids;
  TagDetails tags;
};

struct PublicAccessSwitches {
  std::optional<bool> block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets;
  bool known() const {
    return block_public_acls || ignore_public_acls || block_public_policy || restrict_public_buckets;
  }
};

struct BucketDetails {
  std::string owner_account, encryption_type, kms_key_arn;
  std::optional<TimeMs> created_at;
  PublicAccessSwitches bucket, account;
  std::optional<bool> acl_public_read, acl_public_write, policy_public_read, policy_public_write;
  TagDetails tags;
};

struct ClusterDetails {
  std::string arn, vpc_id, status;
  std::optional<TimeMs> created_at;
  TagDetails tags;
};

struct FunctionDetails {
  std::string arn, description, role, version, revision_id;
  std::optional<TimeMs> last_modified;
};

struct GeoDetails {
  std::string country_code, country_name, city, as_org, isp, org;
  std::optional<double> latitude, longitude;
  std::uint32_t asn = 0;  // 0: not known
  bool operator==(const GeoDetails&) const = default;
  bool known() const { return *this != GeoDetails{}; }
};

class DetailsSource {
 public:
  virtual ~DetailsSource() = default;
  virtual std::optional<InstanceDetails> instance(std::string_view instance_id, TimeMs at) const = 0;
  virtual std::optional<InterfaceDetails> interface(std::string_view interface_id, TimeMs at) const = 0;
  virtual std::optional<std::string> instance_by_ip(std::string_view account, std::string_view vpc_id,
                                                    const IpAddress& ip, TimeMs at) const = 0;
  virtual std::optional<BucketDetails> bucket(std::string_view name, TimeMs at) const = 0;
  virtual std::optional<ClusterDetails> cluster(std::string_view account, std::string_view region,
                                                std::string_view name, TimeMs at) const = 0;
  virtual std::optional<FunctionDetails> function(std::string_view account, std::string_view region,
                                                  std::string_view name, TimeMs at) const = 0;
  virtual GeoDetails geo(const IpAddress& ip) const = 0;
};

}  // namespace picket
