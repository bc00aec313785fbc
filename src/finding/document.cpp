#include "finding/document.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "base/json_writer.h"
#include "finding/anomaly.h"
#include "finding/detector_id.h"
#include "finding/sequence.h"

namespace picket {
namespace {

// Values in titles come from log fields, whose length the attacker chooses.
constexpr std::size_t title_value_bytes_max = 256;

std::string clipped(std::string_view text) {
  if (text.size() <= title_value_bytes_max) return std::string(text);
  std::size_t end = title_value_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a character
  return std::string(text.substr(0, end)) + "…";
}

std::string_view after_last(std::string_view text, char separator) {
  const std::size_t at = text.rfind(separator);
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

std::string key_name(const AccessKeySubject& key) {
  if (!key.user_name.empty()) return key.user_name;
  if (key.user_type == "Root") return "Root";
  if (!key.principal_key.empty()) return std::string(after_last(key.principal_key, '/'));
  if (!key.principal_id.empty()) return key.principal_id;
  return key.access_key_id;
}

std::string principal_name(const Subject& subject) {
  if (subject.kubernetes && !subject.kubernetes->username.empty()) return subject.kubernetes->username;
  return subject.access_key ? key_name(*subject.access_key) : std::string();
}

std::string host_name(const Subject& subject) {
  if (subject.lambda && !subject.lambda->function_name.empty()) return subject.lambda->function_name;
  if (!subject.instance) return {};
  const InstanceSubject& instance = *subject.instance;
  if (!instance.instance_id.empty()) return instance.instance_id;
  if (!instance.interface_id.empty()) return instance.interface_id;
  return instance.local_ip ? instance.local_ip->to_string() : std::string{};
}

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> parts;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view part = list.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.push_back(part);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return parts;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

const std::string* evidence_named(const NamedValues& evidence, std::string_view name) {
  for (const auto& [key, value] : evidence) {
    if (key == name) return &value;
  }
  return nullptr;
}

// GuardDuty's own members of additionalInfo that detectors know under an evidence name.
enum class Kind : std::uint8_t { text, number, numbers, texts, counted_calls };
struct KnownMember {
  std::string_view evidence, member;
  Kind kind;
};
constexpr KnownMember known_members[] = {
    {"threat_name", "threatName", Kind::text},
    {"ports_sample", "portsScannedSample", Kind::numbers},
    {"unusual_protocol", "unusualProtocol", Kind::text},
    {"unusual_port", "localPort", Kind::number},
    {"local_port", "localPort", Kind::number},
    {"in_bytes", "inBytes", Kind::number},
    {"out_bytes", "outBytes", Kind::number},
    {"domain", "domain", Kind::text},
    {"api_calls", "apiCalls", Kind::counted_calls},
    {"user_agent_category", "userAgentCategory", Kind::text},
    {"authentication_method", "authenticationMethod", Kind::text},
    {"vpc_endpoint", "vpcEndpointId", Kind::text},
    {"unusual", "unusual", Kind::text},
    {"context", "context", Kind::text},
};
// Evidence "profiled.asn" goes to additionalInfo.profiledBehavior.asn.
struct KnownGroup {
  std::string_view prefix, member;
};
constexpr KnownGroup known_groups[] = {
    {"anomalies.", "anomalies"}, {"profiled.", "profiledBehavior"}, {"unusual.", "unusualBehavior"}};

class Renderer {
 public:
  Renderer(const FindingDocument& finding, const DetailsSource& details, DocumentForm form)
      : finding_(finding), subject_(finding.subject), details_(details), form_(form) {}

  std::string render() {
    resolve_host();
    const std::string_view partition = partition_of(subject_.region);
    const std::string detector_id = detector_id_of(subject_.account, subject_.region);
    json_.begin_object();
    json_.member("schemaVersion", "2.0");
    json_.member("accountId", subject_.account);
    json_.member("region", subject_.region);
    json_.member("partition", partition);
    json_.member("id", finding_.id);
    json_.member("arn", "arn:" + std::string(partition) + ":guardduty:" + subject_.region + ':' +
                            subject_.account + ":detector/" + detector_id + "/finding/" + finding_.id);
    json_.member("type", finding_.type);
    if (!finding_.custom_detection_rule_name.empty())
      json_.member("customDetectionRuleName", finding_.custom_detection_rule_name);
    resource();
    json_.key("service");
    json_.begin_object();
    json_.member("serviceName", "guardduty");
    json_.member("detectorId", detector_id);
    action();
    if (finding_.sequence) json_.member("featureName", "Correlation");
    json_.member("resourceRole", subject_.role == ResourceRole::actor ? "ACTOR" : "TARGET");
    additional_info();
    evidence();
    if (!finding_.signals.empty() || finding_.sequence) {
      write_sequence(json_, finding_, details_);
    } else {
      write_anomaly(json_, finding_.evidence);
    }
    json_.member("eventFirstSeen", format_time(finding_.first));
    json_.member("eventLastSeen", format_time(finding_.last));
    json_.member("count", finding_.count);
    json_.end_object();
    json_.member("severity", finding_.severity);
    json_.member("createdAt", format_time(finding_.created));
    json_.member("updatedAt", format_time(finding_.updated));
    json_.member("title",
                 expand_template(finding_.title, subject_, finding_.evidence, finding_.count, host_));
    json_.member("description",
                 expand_template(finding_.description, subject_, finding_.evidence, finding_.count, host_));
    json_.end_object();
    return std::move(out_);
  }

 private:
  // The instance by its id, else by its interface, else by its address.
  void resolve_host() {
    if (!subject_.instance) return;
    const InstanceSubject& said = *subject_.instance;
    std::string id = said.instance_id;
    if (!said.interface_id.empty()) interface_ = details_.interface(said.interface_id, finding_.last);
    if (subject_.lambda) return;
    if (id.empty() && interface_) id = interface_->instance_id;
    const bool of_service = interface_ && !interface_->type.empty() && interface_->type != "interface";
    if (id.empty() && said.local_ip && !of_service) {
      id = details_.instance_by_ip(subject_.account, said.vpc_id, *said.local_ip, finding_.last).value_or("");
    }
    if (!id.empty()) {
      instance_ = details_.instance(id, finding_.last);
      if (!instance_) instance_.emplace().instance_id = id;
    }
    host_ = id;
  }

  // ---- resource ----
  static std::string_view type_of(ResourceKind kind) {
    switch (kind) {
      case ResourceKind::access_key:
        return "AccessKey";
      case ResourceKind::instance:
        return "Instance";
      case ResourceKind::s3_bucket:
        return "S3Bucket";
      case ResourceKind::eks_cluster:
        return "EKSCluster";
      case ResourceKind::lambda:
        return "Lambda";
      case ResourceKind::attack_sequence:
        return "AttackSequence";
    }
    return "";
  }

  void resource() {
    json_.key("resource");
    json_.begin_object();
    json_.member("resourceType", type_of(subject_.resource));
    if (subject_.access_key && subject_.resource != ResourceKind::attack_sequence)
      access_key(*subject_.access_key);  // Those of a sequence are among its resources.
    if (subject_.lambda) {
      function(*subject_.lambda);
    } else if (subject_.instance) {
      instance(*subject_.instance);
    }
    if (!subject_.buckets.empty()) {
      json_.key("s3BucketDetails");
      json_.begin_array();
      for (const BucketSubject& one : subject_.buckets) bucket(one);
      json_.end_array();
    }
    if (subject_.kubernetes) {
      cluster(*subject_.kubernetes);
      kubernetes(*subject_.kubernetes);
    }
    json_.end_object();
  }

  void said(std::string_view name, std::string_view value) {
    if (!value.empty()) json_.member(name, value);
  }
  void said_or_null(std::string_view name, std::string_view value) {
    json_.key(name);
    if (value.empty()) {
      json_.null();
    } else {
      json_.value(value);
    }
  }

  void access_key(const AccessKeySubject& key) {
    json_.key("accessKeyDetails");
    json_.begin_object();
    said("accessKeyId", key.access_key_id);
    said("principalId", key.principal_id);
    said("userType", key.user_type);
    said("userName", key_name(key));
    json_.end_object();
  }

  void tags(const TagDetails& list) {
    json_.key("tags");
    json_.begin_array();
    for (const auto& [key, value] : list) {
      json_.begin_object();
      json_.member("key", key);
      json_.member("value", value);
      json_.end_object();
    }
    json_.end_array();
  }

  void instance(const InstanceSubject& said_of) {
    json_.key("instanceDetails");
    json_.begin_object();
    if (instance_) {
      said("imageId", instance_->image_id);
      said("instanceId", instance_->instance_id);
      said("instanceType", instance_->instance_type);
      said("launchTime", instance_->launch_time);
      said_or_null("platform", instance_->platform);  // GuardDuty names Windows only
      json_.key("productCodes");
      json_.begin_array();
      json_.end_array();
      json_.key("iamInstanceProfile");
      if (instance_->profile_arn.empty()) {
        json_.null();
      } else {
        json_.begin_object();
        json_.member("arn", instance_->profile_arn);
        said("id", instance_->profile_id);
        json_.end_object();
      }
    }
    interfaces(said_of);
    if (instance_) {
      tags(instance_->tags);
      said("instanceState", instance_->state);
      said("availabilityZone", instance_->availability_zone);
    }
    json_.end_object();
  }

  // The interface concerned first, then the instance's others.
  void interfaces(const InstanceSubject& said_of) {
    json_.key("networkInterfaces");
    json_.begin_array();
    std::string shown = said_of.interface_id;
    if (!shown.empty() || !instance_ || instance_->interface_ids.empty()) {
      InterfaceDetails own = interface_.value_or(InterfaceDetails{});
      own.interface_id = said_of.interface_id;
      if (own.vpc_id.empty()) own.vpc_id = said_of.vpc_id;
      if (own.subnet_id.empty()) own.subnet_id = said_of.subnet_id;
      if (said_of.local_ip && own.private_ips.empty() && said_of.local_ip->is_v4()) {
        own.private_ips.emplace_back(*said_of.local_ip, "");
      }
      if (said_of.local_ip && own.ipv6.empty() && !said_of.local_ip->is_v4())
        own.ipv6.push_back(*said_of.local_ip);
      interface(own);
    }
    if (instance_) {
      for (const std::string& id : instance_->interface_ids) {
        if (id == shown) continue;
        if (const auto other = details_.interface(id, finding_.last)) interface(*other);
      }
    }
    json_.end_array();
  }

  void interface(const InterfaceDetails& one) {
    json_.begin_object();
    json_.key("ipv6Addresses");
    json_.begin_array();
    for (const IpAddress& ip : one.ipv6) json_.value(ip.to_string());
    json_.end_array();
    said("networkInterfaceId", one.interface_id);
    said("privateDnsName", one.private_dns_name);
    if (!one.private_ips.empty()) json_.member("privateIpAddress", one.private_ips.front().first.to_string());
    json_.key("privateIpAddresses");
    json_.begin_array();
    for (const auto& [ip, dns] : one.private_ips) {
      json_.begin_object();
      said("privateDnsName", dns);
      json_.member("privateIpAddress", ip.to_string());
      json_.end_object();
    }
    json_.end_array();
    said("subnetId", one.subnet_id);
    said("vpcId", one.vpc_id);
    security_groups(one.security_groups);
    said("publicDnsName", one.public_dns_name);
    if (!one.public_ips.empty()) json_.member("publicIp", one.public_ips.front().to_string());
    json_.end_object();
  }

  void function(const LambdaSubject& subject) {
    const auto known =
        details_.function(subject_.account, subject_.region, subject.function_name, finding_.last);
    json_.key("lambdaDetails");
    json_.begin_object();
    if (!subject.function_name.empty()) {
      json_.member("functionName", subject.function_name);
      json_.member("functionArn", known && !known->arn.empty()
                                      ? known->arn
                                      : "arn:" + std::string(partition_of(subject_.region)) +
                                            ":lambda:" + subject_.region + ':' + subject_.account +
                                            ":function:" + subject.function_name);
    }
    if (known) {
      said("functionVersion", known->version);
      said("description", known->description);
      said("role", known->role);
      said("revisionId", known->revision_id);
      timestamp("lastModifiedAt", known->last_modified);
    }
    if (interface_) {
      json_.key("vpcConfig");
      json_.begin_object();
      if (!interface_->subnet_id.empty()) texts("subnetIds", {interface_->subnet_id});
      said("vpcId", interface_->vpc_id);
      security_groups(interface_->security_groups);
      json_.end_object();
    }
    json_.end_object();
  }

  void security_groups(const std::vector<std::pair<std::string, std::string>>& groups) {
    json_.key("securityGroups");
    json_.begin_array();
    for (const auto& [id, name] : groups) {
      json_.begin_object();
      said("groupName", name);
      json_.member("groupId", id);
      json_.end_object();
    }
    json_.end_array();
  }

  void timestamp(std::string_view name, const std::optional<TimeMs>& time) {
    if (time) json_.member(name, static_cast<double>(*time) / 1000);  // epoch seconds, as the model says
  }

  void switches(const PublicAccessSwitches& of) {
    json_.key("blockPublicAccess");
    json_.begin_object();
    if (of.ignore_public_acls) json_.member("ignorePublicAcls", *of.ignore_public_acls);
    if (of.restrict_public_buckets) json_.member("restrictPublicBuckets", *of.restrict_public_buckets);
    if (of.block_public_acls) json_.member("blockPublicAcls", *of.block_public_acls);
    if (of.block_public_policy) json_.member("blockPublicPolicy", *of.block_public_policy);
    json_.end_object();
  }
  void allows(std::string_view name, const std::optional<bool>& read, const std::optional<bool>& write) {
    if (!read && !write) return;
    json_.key(name);
    json_.begin_object();
    if (read) json_.member("allowsPublicReadAccess", *read);
    if (write) json_.member("allowsPublicWriteAccess", *write);
    json_.end_object();
  }

  // Whether everyone can reach the bucket; not said when a grant or the switch over it was never seen.
  static std::string_view effective_permission(const BucketDetails& known) {
    const auto any = [](const std::optional<bool>& a, const std::optional<bool>& b) -> std::optional<bool> {
      if (a.value_or(false) || b.value_or(false)) return true;
      return a && b ? std::optional(false) : std::nullopt;
    };
    const auto reached = [](const std::optional<bool>& granted,
                            const std::optional<bool>& blocked) -> std::optional<bool> {
      if (granted == false || blocked == true) return false;
      return granted && blocked ? std::optional(true) : std::nullopt;
    };
    // An account's switch never seen leaves the bucket's to decide.
    const auto blocked = [](const std::optional<bool>& bucket, const std::optional<bool>& account) {
      return account.value_or(false) ? account : bucket;
    };
    const auto by_acl = reached(any(known.acl_public_read, known.acl_public_write),
                                blocked(known.bucket.ignore_public_acls, known.account.ignore_public_acls));
    const auto by_policy =
        reached(any(known.policy_public_read, known.policy_public_write),
                blocked(known.bucket.restrict_public_buckets, known.account.restrict_public_buckets));
    if (by_acl == true || by_policy == true) return "PUBLIC";
    return by_acl && by_policy ? "NOT_PUBLIC" : "UNKNOWN";
  }

  void bucket(const BucketSubject& one) {
    const auto known = details_.bucket(one.name, finding_.last);
    json_.begin_object();
    json_.member("arn", one.arn.empty()
                            ? "arn:" + std::string(partition_of(subject_.region)) + ":s3:::" + one.name
                            : one.arn);
    json_.member("name", one.name);
    said("type", one.type);
    if (known) timestamp("createdAt", known->created_at);
    const std::string owner =
        known && !known->owner_account.empty() ? known->owner_account : one.owner_account;
    if (!owner.empty()) {
      json_.key("owner");
      json_.begin_object();
      json_.member("id", owner);
      json_.end_object();
    }
    tags(known ? known->tags : TagDetails{});
    if (known && !known->encryption_type.empty()) {
      json_.key("defaultServerSideEncryption");
      json_.begin_object();
      json_.member("encryptionType", known->encryption_type);
      said("kmsMasterKeyArn", known->kms_key_arn);
      json_.end_object();
    }
    if (known) public_access(*known);
    json_.end_object();
  }

  void public_access(const BucketDetails& known) {
    json_.key("publicAccess");
    json_.begin_object();
    json_.key("permissionConfiguration");
    json_.begin_object();
    json_.key("bucketLevelPermissions");
    json_.begin_object();
    allows("accessControlList", known.acl_public_read, known.acl_public_write);
    allows("bucketPolicy", known.policy_public_read, known.policy_public_write);
    if (known.bucket.known()) switches(known.bucket);
    json_.end_object();
    if (known.account.known()) {
      json_.key("accountLevelPermissions");
      json_.begin_object();
      switches(known.account);
      json_.end_object();
    }
    json_.end_object();
    json_.member("effectivePermission", effective_permission(known));
    json_.end_object();
  }

  void cluster(const KubernetesSubject& subject) {
    const auto known = details_.cluster(subject_.account, subject_.region, subject.cluster, finding_.last);
    json_.key("eksClusterDetails");
    json_.begin_object();
    if (!subject.cluster.empty()) {
      json_.member("name", subject.cluster);
      json_.member("arn", known && !known->arn.empty()
                              ? known->arn
                              : "arn:" + std::string(partition_of(subject_.region)) + ":eks:" +
                                    subject_.region + ':' + subject_.account + ":cluster/" + subject.cluster);
    }
    if (known) {
      said("vpcId", known->vpc_id);
      said("status", known->status);
    }
    tags(known ? known->tags : TagDetails{});
    if (known) timestamp("createdAt", known->created_at);
    json_.end_object();
  }

  void texts(std::string_view name, const std::vector<std::string>& list) {
    json_.key(name);
    json_.begin_array();
    for (const std::string& one : list) json_.value(one);
    json_.end_array();
  }

  void kubernetes(const KubernetesSubject& subject) {
    json_.key("kubernetesDetails");
    json_.begin_object();
    json_.key("kubernetesUserDetails");
    json_.begin_object();
    said("username", subject.username);
    said("uid", subject.uid);
    texts("groups", subject.groups);
    if (!subject.session_name.empty()) texts("sessionName", {subject.session_name});
    if (!subject.impersonated_username.empty() || !subject.impersonated_groups.empty()) {
      json_.key("impersonatedUser");
      json_.begin_object();
      said("username", subject.impersonated_username);
      texts("groups", subject.impersonated_groups);
      json_.end_object();
    }
    json_.end_object();
    if (!subject.workload_name.empty() || !subject.workload_type.empty()) {
      json_.key("kubernetesWorkloadDetails");
      json_.begin_object();
      said("name", subject.workload_name);
      said("type", subject.workload_type);
      said("namespace", subject.workload_namespace);
      json_.end_object();
    }
    json_.end_object();
  }

  // ---- action ----
  void action() {
    if (subject_.action == ActionKind::none) return;
    json_.key("action");
    json_.begin_object();
    switch (subject_.action) {
      case ActionKind::aws_api_call:
        api_call();
        break;
      case ActionKind::network_connection:
        connection();
        break;
      case ActionKind::dns_request:
        dns();
        break;
      case ActionKind::port_probe:
        port_probe();
        break;
      case ActionKind::kubernetes_api_call:
        kubernetes_call();
        break;
      case ActionKind::none:
        break;
    }
    json_.end_object();
  }

  void remote_ip() {
    if (!subject_.remote_ip) return;
    const IpAddress& ip = *subject_.remote_ip;
    json_.key("remoteIpDetails");
    json_.begin_object();
    json_.member(ip.is_v4() ? "ipAddressV4" : "ipAddressV6", ip.to_string());
    const GeoDetails geo = details_.geo(ip);
    if (geo.known()) {
      json_.key("organization");
      json_.begin_object();
      json_.member("asn", geo.asn == 0 ? "-1" : std::to_string(geo.asn));  // GuardDuty's word for none
      json_.member("asnOrg", geo.as_org);
      json_.member("isp", geo.isp.empty() ? geo.as_org : geo.isp);
      json_.member("org", geo.org.empty() ? geo.as_org : geo.org);
      json_.end_object();
      json_.key("country");
      json_.begin_object();
      said("countryCode", geo.country_code);
      json_.member("countryName", geo.country_name);
      json_.end_object();
      json_.key("city");
      json_.begin_object();
      json_.member("cityName", geo.city);
      json_.end_object();
      if (geo.latitude && geo.longitude) {
        json_.key("geoLocation");
        json_.begin_object();
        json_.member("lat", *geo.latitude);
        json_.member("lon", *geo.longitude);
        json_.end_object();
      }
    }
    json_.end_object();
  }

  void api_call() {
    const ApiCall call = subject_.api_call.value_or(ApiCall{});
    json_.member("actionType", "AWS_API_CALL");
    json_.key("awsApiCallAction");
    json_.begin_object();
    json_.member("api", call.api);
    json_.member("serviceName", call.service_name);
    const std::string_view by_default =
        subject_.remote_ip || call.caller_domain.empty() ? "Remote IP" : "Domain";
    json_.member("callerType", call.caller_type.empty() ? by_default : std::string_view(call.caller_type));
    remote_ip();
    if (!call.caller_domain.empty()) {
      json_.key("domainDetails");
      json_.begin_object();
      json_.member("domain", call.caller_domain);
      json_.end_object();
    }
    said("errorCode", call.error_code);
    said("userAgent", call.user_agent);
    if (call.remote_account_id) {
      json_.key("remoteAccountDetails");
      json_.begin_object();
      json_.member("accountId", *call.remote_account_id);
      json_.member("affiliated", call.remote_account_affiliated);
      json_.end_object();
    }
    json_.key("affectedResources");
    json_.begin_object();
    for (const auto& [type, name] : call.affected_resources) json_.member(type, name);
    json_.end_object();
    json_.end_object();
  }

  void port(std::string_view name, std::uint16_t number) {
    json_.key(name);
    json_.begin_object();
    json_.member("port", number);
    json_.member("portName", port_name(number));
    json_.end_object();
  }
  void local_ip() {
    if (!subject_.instance || !subject_.instance->local_ip) return;
    const IpAddress& ip = *subject_.instance->local_ip;
    json_.key("localIpDetails");
    json_.begin_object();
    json_.member(ip.is_v4() ? "ipAddressV4" : "ipAddressV6", ip.to_string());
    json_.end_object();
  }

  static std::string protocol_name(std::uint8_t protocol) {
    switch (protocol) {  // IANA protocol numbers
      case 1:
        return "ICMP";
      case 6:
        return "TCP";
      case 17:
        return "UDP";
      case 58:
        return "ICMPv6";
      default:
        return std::to_string(protocol);
    }
  }

  void connection() {
    const NetworkConnection connection = subject_.connection.value_or(NetworkConnection{});
    json_.member("actionType", "NETWORK_CONNECTION");
    json_.key("networkConnectionAction");
    json_.begin_object();
    json_.member("connectionDirection", connection.direction == Direction::inbound    ? "INBOUND"
                                        : connection.direction == Direction::outbound ? "OUTBOUND"
                                                                                      : "UNKNOWN");
    remote_ip();
    port("remotePortDetails", connection.remote_port);
    port("localPortDetails", connection.local_port);
    json_.member("protocol", protocol_name(connection.protocol));
    json_.member("blocked", connection.blocked);
    local_ip();
    if (subject_.instance) said("localNetworkInterface", subject_.instance->interface_id);
    json_.end_object();
  }

  void port_probe() {
    const NetworkConnection connection = subject_.connection.value_or(NetworkConnection{});
    std::vector<std::uint16_t> ports;
    if (const std::string* probed = evidence_named(finding_.evidence, "ports_sample")) {
      for (const std::string_view part : split(*probed)) {
        const auto number = whole_number(part);
        if (number && *number >= 0 && *number <= 65535) ports.push_back(static_cast<std::uint16_t>(*number));
      }
    }
    if (ports.empty()) ports.push_back(connection.local_port);
    json_.member("actionType", "PORT_PROBE");
    json_.key("portProbeAction");
    json_.begin_object();
    json_.key("portProbeDetails");
    json_.begin_array();
    for (const std::uint16_t number : ports) {
      json_.begin_object();
      port("localPortDetails", number);
      local_ip();
      remote_ip();
      json_.end_object();
    }
    json_.end_array();
    json_.member("blocked", connection.blocked);
    json_.end_object();
  }

  void dns() {
    const DnsRequest request = subject_.dns.value_or(DnsRequest{});
    json_.member("actionType", "DNS_REQUEST");
    json_.key("dnsRequestAction");
    json_.begin_object();
    json_.member("domain", request.domain);
    said("protocol", request.protocol);
    json_.member("blocked", request.blocked);
    json_.end_object();
  }

  void kubernetes_call() {
    const KubernetesCall call = subject_.kubernetes_call.value_or(KubernetesCall{});
    json_.member("actionType", "KUBERNETES_API_CALL");
    json_.key("kubernetesApiCallAction");
    json_.begin_object();
    json_.member("requestUri", call.request_uri);
    json_.member("verb", call.verb);
    said("resource", call.resource);
    said("subresource", call.subresource);
    said("namespace", call.namespace_name);
    said("resourceName", call.resource_name);
    texts("sourceIPs", call.source_ips);
    said("userAgent", call.user_agent);
    remote_ip();
    if (call.status_code != 0) json_.member("statusCode", call.status_code);
    said("parameters", call.parameters);
    json_.end_object();
  }

  // ---- what else is known ----
  void additional_info() {
    std::string info;
    JsonWriter json(info);
    json.begin_object();
    std::set<std::string_view> written;
    if (!finding_.intel.empty()) {
      json.member("threatListName", finding_.intel.front().list);
      const std::string& threat = finding_.intel.front().threat_name;
      if (!threat.empty()) {
        json.member("threatName", threat);
        written.insert("threatName");
      }
    }
    for (const KnownMember& known : known_members) {
      const std::string* value = evidence_named(finding_.evidence, known.evidence);
      if (value && !written.contains(known.member) && write_known(json, known, *value))
        written.insert(known.member);
    }
    for (const KnownGroup& group : known_groups) {
      bool open = false;
      std::set<std::string_view> names;
      for (const auto& [name, value] : finding_.evidence) {
        if (!name.starts_with(group.prefix)) continue;
        const std::string_view own = std::string_view(name).substr(group.prefix.size());
        if (!names.insert(own).second) continue;  // `why` has them all
        if (!open) {
          json.key(group.member);
          json.begin_object();
          open = true;
        }
        json.member(own, value);
      }
      if (open) json.end_object();
    }
    proof(json);
    json.end_object();

    json_.key("additionalInfo");
    json_.begin_object();
    if (form_ == DocumentForm::exported) json_.raw(std::string_view(info).substr(1, info.size() - 2));
    json_.member("value", info);
    json_.member("type", "default");
    json_.end_object();
  }

  // False when the value is not of the kind GuardDuty's member has.
  bool write_known(JsonWriter& json, const KnownMember& known, const std::string& value) const {
    switch (known.kind) {
      case Kind::text:
        json.member(known.member, value);
        return true;
      case Kind::number: {
        const auto number = whole_number(value);
        if (number) json.member(known.member, *number);
        return number.has_value();
      }
      case Kind::numbers:
      case Kind::texts:
        json.key(known.member);
        json.begin_array();
        for (const std::string_view part : split(value)) {
          if (known.kind == Kind::texts) {
            json.value(part);
          } else if (const auto number = whole_number(part)) {
            json.value(*number);
          }
        }
        json.end_array();
        return true;
      case Kind::counted_calls:  // "GetObject=12,ListObjects=1"
        json.key(known.member);
        json.begin_array();
        for (const std::string_view part : split(value)) {
          const std::size_t equals = part.rfind('=');
          json.begin_object();
          json.member("name", part.substr(0, equals));
          const auto count =
              equals == std::string_view::npos ? std::nullopt : whole_number(part.substr(equals + 1));
          json.member("count", count.value_or(1));
          json.member("firstSeen", finding_.first / second_ms);
          json.member("lastSeen", finding_.last / second_ms);
          json.end_object();
        }
        json.end_array();
        return true;
    }
    return false;
  }

  void proof(JsonWriter& json) const {
    json.key("picket");
    json.begin_object();
    json.member("detector", finding_.detector);
    if (!finding_.mitre_tactic.empty() || !finding_.mitre_technique.empty()) {
      json.key("mitre");
      json.begin_object();
      if (!finding_.mitre_tactic.empty()) json.member("tactic", finding_.mitre_tactic);
      if (!finding_.mitre_technique.empty()) json.member("technique", finding_.mitre_technique);
      json.end_object();
    }
    if (subject_.lambda ? subject_.lambda->function_name.empty() : subject_.instance && !instance_) {
      // An address or interface without a known instance: said, not guessed.
      json.member("resource_owner", "unknown");
    }
    if (interface_ && !interface_->type.empty()) json.member("interface_type", interface_->type);
    json.key("records");
    json.begin_array();
    for (const DocumentRecord& record : finding_.proof) {
      json.begin_object();
      json.member("object", record.object);
      json.member("position", record.position);
      if (!record.event_id.empty()) json.member("event_id", record.event_id);
      json.member("time", format_time(record.time));
      json.end_object();
    }
    json.end_array();
    json.member("records_total", finding_.records_total);
    json.key("why");
    json.begin_object();
    why(json);
    json.end_object();
    json.end_object();
  }

  void why(JsonWriter& json) const {
    std::set<std::string_view> done;
    for (const auto& [name, first] : finding_.evidence) {
      if (!done.insert(name).second) continue;
      std::vector<std::string_view> values;
      for (const auto& [other, value] : finding_.evidence) {
        if (other == name) values.push_back(value);
      }
      json.key(name);
      if (values.size() == 1) {
        json.value(first);
        continue;
      }
      json.begin_array();
      for (const std::string_view value : values) json.value(value);
      json.end_array();
    }
    if (finding_.remote_ips.size() > 1 && !done.contains("remote_ips")) {
      json.key("remote_ips");
      json.begin_array();
      for (const IpAddress& remote : finding_.remote_ips) json.value(remote.to_string());
      json.end_array();
    }
    if (finding_.intel.empty() || done.contains("indicators")) return;
    json.key("indicators");
    json.begin_array();
    for (const IntelEvidence& hit : finding_.intel) {
      json.begin_object();
      json.member("indicator", hit.indicator);
      json.member("list", hit.list);
      json.member("category", hit.category);
      if (!hit.threat_name.empty()) json.member("threat_name", hit.threat_name);
      json.end_object();
    }
    json.end_array();
  }

  void evidence() {
    if (finding_.intel.empty()) return;
    std::map<std::string_view, std::set<std::string_view>> names_by_list;
    for (const IntelEvidence& hit : finding_.intel) {
      auto& names = names_by_list[hit.list];
      if (!hit.threat_name.empty()) names.insert(hit.threat_name);
    }
    json_.key("evidence");
    json_.begin_object();
    json_.key("threatIntelligenceDetails");
    json_.begin_array();
    for (const auto& [list, names] : names_by_list) {
      json_.begin_object();
      json_.member("threatListName", list);
      json_.key("threatNames");
      json_.begin_array();
      for (const std::string_view name : names) json_.value(name);
      json_.end_array();
      json_.end_object();
    }
    json_.end_array();
    json_.end_object();
  }

  const FindingDocument& finding_;
  const Subject& subject_;
  const DetailsSource& details_;
  const DocumentForm form_;
  std::optional<InterfaceDetails> interface_;
  std::optional<InstanceDetails> instance_;
  std::string host_;
  std::string out_;
  JsonWriter json_{out_};
};

}  // namespace

std::string render(const FindingDocument& finding, const DetailsSource& details, DocumentForm form) {
  return Renderer(finding, details, form).render();
}

std::string expand_template(std::string_view text, const Subject& subject, const NamedValues& evidence,
                            std::uint64_t count, std::string_view host) {
  const auto value_of = [&](std::string_view name) -> std::string {
    const auto or_word = [](std::string value, std::string_view word) {
      return value.empty() ? std::string(word) : clipped(value);
    };
    // A detector's own word for something wins.
    if (const std::string* own = evidence_named(evidence, name); own && !own->empty()) return clipped(*own);
    if (name == "principal") return or_word(principal_name(subject), "an unknown principal");
    if (name == "host")
      return or_word(host.empty() ? host_name(subject) : std::string(host), "an unknown host");
    if (name == "remote_ip") {
      if (!subject.remote_ip && subject.api_call && !subject.api_call->caller_domain.empty()) {
        return clipped(subject.api_call->caller_domain);
      }
      return subject.remote_ip ? subject.remote_ip->to_string() : "an unknown address";
    }
    if (name == "api") return or_word(subject.api_call ? subject.api_call->api : "", "an API");
    if (name == "service")
      return or_word(subject.api_call ? subject.api_call->service_name : "", "an AWS service");
    if (name == "bucket")
      return or_word(subject.buckets.empty() ? "" : subject.buckets.front().name, "an unknown bucket");
    if (name == "domain") return or_word(subject.dns ? subject.dns->domain : "", "an unknown domain");
    if (name == "cluster")
      return or_word(subject.kubernetes ? subject.kubernetes->cluster : "", "an unnamed cluster");
    if (name == "namespace") {
      return or_word(subject.kubernetes ? subject.kubernetes->workload_namespace : "",
                     "an unknown namespace");
    }
    if (name == "workload") {
      return or_word(subject.kubernetes ? subject.kubernetes->workload_name : "", "an unnamed workload");
    }
    if (name == "remote_port" || name == "local_port") {
      if (!subject.connection) return "an unknown port";
      return std::to_string(name == "remote_port" ? subject.connection->remote_port
                                                  : subject.connection->local_port);
    }
    if (name == "count") return std::to_string(count);
    return "an unknown value";
  };

  std::string out;
  while (!text.empty()) {
    const std::size_t open = text.find('{'),
                      close = open == std::string_view::npos ? open : text.find('}', open);
    if (close == std::string_view::npos) break;
    out += text.substr(0, open);
    out += value_of(text.substr(open + 1, close - open - 1));
    text.remove_prefix(close + 1);
  }
  out += text;
  return out;
}

std::string_view port_name(std::uint16_t port) {
  // Recorded findings have SSH, DNS, HTTP, HTTPS, RDP and "Unknown" even for 8443; the rest are the common
  // names of the services whose brute force or probing GuardDuty describes.
  switch (port) {
    case 21:
      return "FTP";
    case 22:
      return "SSH";
    case 23:
      return "Telnet";
    case 25:
      return "SMTP";
    case 53:
      return "DNS";
    case 80:
      return "HTTP";
    case 110:
      return "POP3";
    case 143:
      return "IMAP";
    case 443:
      return "HTTPS";
    case 445:
      return "SMB";
    case 3389:
      return "RDP";
    default:
      return "Unknown";
  }
}

}  // namespace picket
