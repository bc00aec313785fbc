// What the logs (and imported describe-* output) tell about the resources themselves: which instance an
// interface belongs to, whose an address is, what a bucket's policy says. Each fact has an event-time
// validity; learning is commutative (the same rows in any order give the same facts), and look-ups are as
// of an event time, so that replays agree. Facts are learned at the end of an epoch and only read between.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/archive.h"
#include "base/ip.h"
#include "base/time.h"
#include "event/cloudtrail_event.h"

namespace picket {

// Time of facts without a beginning in the logs: imported inventory.
constexpr TimeMs known_forever = std::numeric_limits<TimeMs>::min();

// One thing learned, extracted from a record while it was at hand.
struct FactRow {
  TimeMs time = 0;
  std::string id;  // eventID, or "" for flow-derived rows; orders equal times
  std::string account, region;
  std::string name;  // eventName without suffix, or "flow" (see below), or "describe:instances", …
  std::string request, response;  // raw JSON of requestParameters and responseElements
  template <class Ar>
  void io(Ar& ar) {
    ar(time, id, account, region, name, request, response);
  }
};

// Seen in flow records: an interface, the addresses that may be its own (those common to all its records),
// and what version 3+ fields said. Merges by intersecting the addresses.
struct InterfaceSighting {
  std::string account, region, interface_id, instance_id, vpc_id, subnet_id;
  std::vector<IpAddress> candidates;  // at most 2, sorted; one left = its own address
  TimeMs first = 0, last = 0;
  // From when on packets came to it that were for a public address: it passes them on, as gateways do.
  TimeMs forwards_since = never;
  static constexpr TimeMs never = std::numeric_limits<TimeMs>::max();
  template <class Ar>
  void io(Ar& ar) {
    ar(account, region, interface_id, instance_id, vpc_id, subnet_id, candidates, first, last,
       forwards_since);
  }
};

struct Tag {
  std::string key, value;
  template <class Ar>
  void io(Ar& ar) {
    ar(key, value);
  }
};

struct InstanceFact {
  std::string account, region;
  std::string instance_id, image_id, instance_type, launch_time, platform, state, availability_zone;
  std::string profile_arn, profile_id, vpc_id, subnet_id;
  std::vector<std::string> interface_ids;
  std::vector<Tag> tags;
};

struct InterfaceFact {
  std::string account, region;
  std::string interface_id, vpc_id, subnet_id, private_dns_name, public_dns_name;
  std::string instance_id;  // empty: not attached to an instance, or unknown
  // "interface" (instances), "nat_gateway", "network_load_balancer", "vpc_endpoint", "lambda", …; empty =
  // unknown.
  std::string type;
  std::string function_name;                             // of an interface made for a Lambda function
  std::vector<IpAddress> private_ips, public_ips, ipv6;  // the primary private address first
  std::vector<std::string> private_dns_names;            // of private_ips, empty where unknown
  std::vector<std::pair<std::string, std::string>> security_groups;  // id, name
};

struct BucketFact {
  std::string name, owner_account, created_at, encryption_type, kms_key_arn;
  std::optional<bool> block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets;
  // The same four switches of the whole account, when it is known whose the bucket is.
  std::optional<bool> account_block_public_acls, account_ignore_public_acls, account_block_public_policy,
      account_restrict_public_buckets;
  std::optional<bool> acl_public_read, acl_public_write;  // what the last access control list grants everyone
  std::string policy;                                     // last policy text seen, empty when none or deleted
  std::vector<Tag> tags;
};

struct FunctionFact {
  std::string account, region;
  std::string name, arn, description, role, version, revision_id;
  std::optional<TimeMs> last_modified;
};

// Who holds a public address.
struct PublicAddressFact {
  std::string account;
  std::string instance_id;  // empty: not known to be an instance's
  std::string vpc_id;       // of the instance or NAT gateway
  bool nat_gateway = false;
};

// A rule of a security group that lets traffic in.
struct IngressFact {
  std::string group_id;
  std::string rule;  // "tcp 22-22 0.0.0.0/0"
};

struct GeoPlace {
  std::string country_code;
  double latitude = 0, longitude = 0;
  std::uint32_t asn = 0;
  std::string as_org;
};

struct ClusterFact {
  std::string account, region;
  std::string name, arn, vpc_id, status;
  std::optional<TimeMs> created_at;
  std::vector<Tag> tags;
};

// An instance that runs or a cluster that exists, as far as is known now.
enum class ResourceType : std::uint8_t { eks, ecs, ec2 };
struct ResourceFact {
  ResourceType type = ResourceType::ec2;
  std::string account, region;
  std::string id;                          // instance id or cluster name
  std::string arn;                         // of clusters
  std::string instance_type, eks_cluster;  // of instances; the cluster by EKS's own tag
  TimeMs news_at = 0;                      // the newest that is known of it; 0: imported without a time
  std::optional<TimeMs> flows_until;       // of instances: end of the last flow record of an interface
};

class Facts {
 public:
  Facts();
  ~Facts();
  Facts(const Facts&) = delete;
  Facts& operator=(const Facts&) = delete;

  // The calls worth a row: service and API name (version suffix stripped).
  static std::span<const std::pair<std::string_view, std::string_view>> interesting_calls();
  // nullopt when the event failed or tells nothing worth keeping.
  static std::optional<FactRow> row_of(const CloudTrailEvent& event);

  void learn(const FactRow& row);
  void learn(const InterfaceSighting& sighting);

  std::optional<InterfaceFact> interface(std::string_view interface_id, TimeMs at) const;
  std::optional<InstanceFact> instance(std::string_view instance_id, TimeMs at) const;
  // The interface's own private address: from the inventory, else from what its flow records have in common.
  std::optional<IpAddress> local_address(std::string_view interface_id, TimeMs at) const;
  // The instance behind a private address of a VPC, of a known endpoint's ("vpce-…"), or of the account ("").
  std::optional<std::string> instance_by_ip(std::string_view account, std::string_view vpc_id,
                                            const IpAddress& ip, TimeMs at) const;
  // Public addresses the instance may appear from: its own, elastic ones, its subnet's or VPC's NAT gateways.
  std::vector<IpAddress> public_addresses_of_instance(std::string_view instance_id, TimeMs at) const;
  // The instance's own addresses within its VPC, IPv6 included.
  std::vector<IpAddress> inner_addresses_of_instance(std::string_view instance_id, TimeMs at) const;
  // Whose public address it was, when an account seen in the logs owned it (instance, elastic, NAT).
  std::optional<PublicAddressFact> public_address(const IpAddress& ip, TimeMs at) const;
  // Whether others' traffic leaves through the instance: a route led to it, or nobody checks whose packets it
  // sends.
  bool forwards_traffic(std::string_view instance_id, TimeMs at) const;
  // Whether both VPCs are attached to one transit gateway, so that one may leave through the other.
  bool share_transit_gateway(std::string_view vpc_id, std::string_view other_vpc_id, TimeMs at) const;
  // Whether the address is in the network (/24, /48) of a customer gateway: the far end of a VPN into a VPC.
  bool beside_customer_gateway(const IpAddress& ip, TimeMs at) const;
  // Whether AWS's published ranges hold the address; nullopt when no ranges were loaded.
  std::optional<bool> aws_address(const IpAddress& ip) const;
  void use_aws_ranges(std::function<bool(const IpAddress&)> holds);
  // The rule of the interface's security groups that lets `remote` reach this port, when one is known.
  std::optional<IngressFact> opened_by(std::string_view interface_id, std::uint8_t protocol,
                                       std::uint16_t port, const IpAddress& remote, TimeMs at) const;
  // The EMR cluster ("j-…") the instance belongs to, by the tag EMR sets.
  std::optional<std::string> emr_cluster_of(std::string_view instance_id, TimeMs at) const;
  std::optional<FunctionFact> function(std::string_view account, std::string_view region,
                                       std::string_view name, TimeMs at) const;
  // Where an address is; nullopt when no geography was loaded or it does not tell.
  std::optional<GeoPlace> place(const IpAddress& ip) const;
  bool has_places() const;
  void use_places(std::function<std::optional<GeoPlace>(const IpAddress&)> place_of);
  std::optional<BucketFact> bucket(std::string_view name, TimeMs at) const;
  // The trail whose logs the bucket receives ("management"), or "CloudTrail" when only its deliveries were
  // seen.
  std::optional<std::string> trail_of_bucket(std::string_view bucket, TimeMs at) const;
  std::optional<ClusterFact> cluster(std::string_view account, std::string_view region, std::string_view name,
                                     TimeMs at) const;
  // The cluster of this name when the logs know exactly one: audit logs tell neither account nor Region.
  std::optional<ClusterFact> cluster_named(std::string_view name, TimeMs at) const;
  // Whether anything of the account was known by then: one of ours, not a stranger's.
  bool knows_account(std::string_view account, TimeMs at) const;
  // An account has CloudTrail logs of its own among those that are read, from `since` on.
  void hear_from(std::string_view account, TimeMs since);
  // Whether that was so a day before `at`: one of the organisation's accounts. A day, because its first logs
  // may be read after others' of the same hour.
  bool hears_from(std::string_view account, TimeMs at) const;
  // The account in which a VPC endpoint ("vpce-…") was made.
  std::optional<std::string> vpc_endpoint_owner(std::string_view endpoint_id, TimeMs at) const;

  // Ordered by type and by id within.
  std::vector<ResourceFact> resources() const;

  // An estimate that depends only on what is known, not on how it was learned.
  std::size_t bytes() const;
  void set_bytes_max(std::size_t bytes_max);  // 512 MiB unless set
  // To be called at the end of an epoch: over the budget, forgets resources of accounts above their share
  // first, then those with the oldest news; imported ones last. Returns how many resources were forgotten.
  std::size_t evict();
  std::uint64_t evicted() const;  // resources forgotten so far
  std::uint64_t dropped() const;  // old values forgotten because one resource had too many
  void save(Writer& out) const;
  void load(Reader& in);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The rows of one worker's records. What many records tell alike makes one row.
class FactRows {
 public:
  // Of the calls worth a row (Facts::interesting_calls).
  void add(const CloudTrailEvent& event);
  std::span<const FactRow> all() const { return rows_; }
  void clear();

 private:
  std::vector<FactRow> rows_;
  boost::unordered_flat_set<std::uint64_t> looks_;  // of CloudTrail at a bucket: bucket and day, by hash
};

}  // namespace picket
