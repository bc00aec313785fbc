// What the logs (and imported describe-* output) tell about the resources themselves: which instance an
// interface belongs to, whose an address is, what a bucket's policy says. Each fact has an event-time
// validity; learning is commutative (the same rows in any order give the same facts), and look-ups are as
// of an event time, so that replays agree. Facts are learned at the end of an epoch and only read between.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/archive.h"
#include "base/ip.h"
#include "base/time.h"
#include "event/cloudtrail_event.h"

namespace picket {

// One thing learned, extracted from a record while it was at hand.
struct FactRow {
  TimeMs time = 0;
  std::string id;                     // eventID, or "" for flow-derived rows; orders equal times
  std::string account, region;
  std::string name;                   // eventName without suffix, or "flow" (see below), or "describe:instances", …
  std::string request, response;      // raw JSON of requestParameters and responseElements
  template <class Ar>
  void io(Ar& ar) {
    ar(time, id, account, region, name, request, response);
  }
};

// Seen in flow records: an interface, the addresses that may be its own (those common to all its records), and what
// version 3+ fields said. Merges by intersecting the addresses.
struct InterfaceSighting {
  std::string account, region, interface_id, instance_id, vpc_id, subnet_id;
  std::vector<IpAddress> candidates;  // at most 2, sorted; one left = its own address
  TimeMs first = 0, last = 0;
  template <class Ar>
  void io(Ar& ar) {
    ar(account, region, interface_id, instance_id, vpc_id, subnet_id, candidates, first, last);
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
  std::string instance_id, image_id, instance_type, launch_time, platform, state, availability_zone;
  std::string profile_arn, profile_id, vpc_id, subnet_id;
  std::vector<std::string> interface_ids;
  std::vector<Tag> tags;
};

struct InterfaceFact {
  std::string interface_id, vpc_id, subnet_id, private_dns_name, public_dns_name;
  std::string instance_id;   // empty: not attached to an instance, or unknown
  // "interface" (instances), "nat_gateway", "network_load_balancer", "vpc_endpoint", "lambda", …; empty = unknown.
  std::string type;
  std::vector<IpAddress> private_ips, public_ips, ipv6;
  std::vector<std::pair<std::string, std::string>> security_groups;  // id, name
};

struct BucketFact {
  std::string name, owner_account, created_at, encryption_type, kms_key_arn;
  std::optional<bool> block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets;
  std::string policy;  // last policy text seen, empty when none or deleted
  std::vector<Tag> tags;
};

class Facts {
 public:
  Facts();
  ~Facts();
  Facts(const Facts&) = delete;
  Facts& operator=(const Facts&) = delete;

  // nullopt when the event tells nothing worth keeping; called for every successful call of interest by the engine.
  static bool interesting(std::string_view event_source, std::string_view api_name);
  static std::optional<FactRow> row_of(const CloudTrailEvent& event);

  void learn(const FactRow& row);
  void learn(const InterfaceSighting& sighting);

  std::optional<InterfaceFact> interface(std::string_view interface_id, TimeMs at) const;
  std::optional<InstanceFact> instance(std::string_view instance_id, TimeMs at) const;
  // The interface's own private address: from the inventory, else from what its flow records have in common.
  std::optional<IpAddress> local_address(std::string_view interface_id, TimeMs at) const;
  // The instance behind a private address of a VPC (or of the account when vpc is empty).
  std::optional<std::string> instance_by_ip(std::string_view account, std::string_view vpc_id, const IpAddress& ip, TimeMs at) const;
  // Public addresses the instance may appear from: its own, elastic ones, its subnet's or VPC's NAT gateways.
  std::vector<IpAddress> public_addresses_of_instance(std::string_view instance_id, TimeMs at) const;
  // Whose public address it was: account id when an account seen in the logs owned it (instance, elastic, NAT).
  std::optional<std::string> owner_of_public_ip(const IpAddress& ip, TimeMs at) const;
  std::optional<BucketFact> bucket(std::string_view name, TimeMs at) const;

  std::size_t bytes() const;
  void save(Writer& out) const;
  void load(Reader& in);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace picket
