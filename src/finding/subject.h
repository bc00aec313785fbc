// What a detection is about, copied out of the records while they are at hand: who acted, on what,
// by which action, from where. Everything a finding's `resource` and `service.action` need and the
// records alone can tell; what the inventory adds (an instance's image, tags, interfaces, a bucket's
// owner) and geography are filled in when the finding is written.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/ip.h"
#include "base/time.h"
#include "event/record_id.h"

namespace picket {

// `resource.resourceType` of the finding.
enum class ResourceKind : std::uint8_t {
  access_key,
  instance,
  s3_bucket,
  eks_cluster,
  lambda,
  attack_sequence
};

// `service.resourceRole`.
enum class ResourceRole : std::uint8_t { target, actor };

// `service.action.actionType`.
enum class ActionKind : std::uint8_t {
  none,
  aws_api_call,
  network_connection,
  dns_request,
  port_probe,
  kubernetes_api_call
};

enum class Direction : std::uint8_t { inbound, outbound, unknown };

struct AccessKeySubject {
  std::string access_key_id, principal_id, user_name, user_type;  // user_type is userIdentity.type
  std::string principal_key;                                      // principal_of(event).key
  template <class Ar>
  void io(Ar& ar) {
    ar(access_key_id, principal_id, user_name, user_type, principal_key);
  }
};

struct InstanceSubject {
  std::string instance_id;  // empty: not in the record, to be looked up by interface and address
  std::string interface_id;
  std::string vpc_id, subnet_id;
  std::optional<IpAddress> local_ip;
  template <class Ar>
  void io(Ar& ar) {
    ar(instance_id, interface_id, vpc_id, subnet_id, local_ip);
  }
};

// Whose interface `InstanceSubject` names, when it is a Lambda function's. The name may be unknown.
struct LambdaSubject {
  std::string function_name;
  template <class Ar>
  void io(Ar& ar) {
    ar(function_name);
  }
};

struct BucketSubject {
  std::string name, arn, owner_account;
  std::string type;  // "Destination" (written to), "Source" (read from), as GuardDuty has it
  template <class Ar>
  void io(Ar& ar) {
    ar(name, arn, owner_account, type);
  }
};

struct KubernetesSubject {
  std::string cluster;
  std::string username, uid;
  std::vector<std::string> groups;
  std::string session_name;
  std::string impersonated_username;
  std::vector<std::string> impersonated_groups;
  // The workload the request is about; type is the resource ("pods", "deployments"), empty when none.
  std::string workload_name, workload_type, workload_namespace;
  template <class Ar>
  void io(Ar& ar) {
    ar(cluster, username, uid, groups, session_name, impersonated_username, impersonated_groups,
       workload_name, workload_type, workload_namespace);
  }
};

struct ApiCall {
  std::string api, service_name, error_code, user_agent;
  std::string caller_type;  // "Remote IP" or "Domain" (an AWS service called)
  std::string caller_domain;
  std::map<std::string, std::string> affected_resources;  // "AWS::CloudTrail::Trail" -> name or ARN
  std::optional<std::string> remote_account_id;           // whose address or endpoint the call came from
  bool remote_account_affiliated = false;
  template <class Ar>
  void io(Ar& ar) {
    ar(api, service_name, error_code, user_agent, caller_type, caller_domain, affected_resources,
       remote_account_id, remote_account_affiliated);
  }
};

struct NetworkConnection {
  Direction direction = Direction::unknown;
  std::uint8_t protocol = 0;  // IANA number
  std::uint16_t local_port = 0, remote_port = 0;
  bool blocked = false;
  template <class Ar>
  void io(Ar& ar) {
    ar(direction, protocol, local_port, remote_port, blocked);
  }
};

struct DnsRequest {
  std::string domain;    // without the trailing dot
  std::string protocol;  // "UDP", "TCP"
  bool blocked = false;  // by a DNS Firewall rule
  template <class Ar>
  void io(Ar& ar) {
    ar(domain, protocol, blocked);
  }
};

struct KubernetesCall {
  std::string request_uri, verb, user_agent, resource, subresource, namespace_name, resource_name, parameters;
  std::vector<std::string> source_ips;
  int status_code = 0;
  template <class Ar>
  void io(Ar& ar) {
    ar(request_uri, verb, user_agent, resource, subresource, namespace_name, resource_name, parameters,
       source_ips, status_code);
  }
};

struct Subject {
  std::string account, region;
  ResourceKind resource = ResourceKind::access_key;
  ResourceRole role = ResourceRole::target;
  ActionKind action = ActionKind::none;
  std::optional<IpAddress> remote_ip;
  // Parts that the resource and the action call for; the others stay empty.
  std::optional<AccessKeySubject> access_key;
  std::optional<InstanceSubject> instance;
  std::optional<LambdaSubject> lambda;
  std::vector<BucketSubject> buckets;
  std::optional<KubernetesSubject> kubernetes;
  std::optional<ApiCall> api_call;
  std::optional<NetworkConnection> connection;
  std::optional<DnsRequest> dns;
  std::optional<KubernetesCall> kubernetes_call;
  template <class Ar>
  void io(Ar& ar) {
    ar(account, region, resource, role, action, remote_ip, access_key, instance, lambda, buckets, kubernetes,
       api_call, connection, dns, kubernetes_call);
  }
};

// A hit in threat intelligence, copied: lists may change while findings stay.
struct IntelEvidence {
  std::string indicator;    // the address, prefix or domain as listed
  std::string list;         // list name, shown as threatListName
  std::string category;     // "c2", "mining", …
  std::string threat_name;  // family or campaign; may be empty
  bool custom = false;      // the user's own list
  template <class Ar>
  void io(Ar& ar) {
    ar(indicator, list, category, threat_name, custom);
  }
  auto operator<=>(const IntelEvidence&) const = default;
};

// One record of a finding's proof.
struct ProofRecord {
  TimeMs time = 0;
  std::uint64_t object = 0;  // hash of the object's key, never of the order in which objects came
  std::uint64_t position = 0;
  RecordId event_id;  // the vendor's, empty when it has none
  template <class Ar>
  void io(Ar& ar) {
    ar(time, object, position, event_id);
  }
  // By time and by what the record itself is.
  friend bool operator<(const ProofRecord& a, const ProofRecord& b) {
    return std::tie(a.time, a.event_id, a.object, a.position) <
           std::tie(b.time, b.event_id, b.object, b.position);
  }
};

using NamedValues = std::vector<std::pair<std::string, std::string>>;

// What a detector found in one record, or in one window when it closed or grew.
struct Detection {
  std::uint16_t detector = 0;  // index in the catalog
  std::uint8_t type = 0;       // index in the detector's types
  bool signal = false;         // a refused attempt: no finding
  double severity = 0;         // the number, at most one decimal
  Subject subject;
  NamedValues evidence;  // the facts that justify it, in the detector's order
  std::vector<IntelEvidence> intel;
  std::string issue;        // values of the detector's issue keys, joined by U+001F
  std::uint64_t count = 1;  // records it stands for
  ProofRecord first, last;  // earliest and latest record
  template <class Ar>
  void io(Ar& ar) {
    ar(detector, type, signal, severity, subject, evidence, intel, issue, count, first, last);
  }
};

}  // namespace picket
