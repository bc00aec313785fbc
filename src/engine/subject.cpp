#include "engine/subject.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/flow_sides.h"
#include "event/principal.h"

namespace picket {

namespace {

// A port of this range is handed out to clients; a lower one is somebody's service (RFC 6335; Linux and
// Windows take 32768/49152 upwards, older systems from 1024).
constexpr std::uint16_t ephemeral_min = 1024;

std::string service_display(std::string_view event_source) { return std::string(event_source); }

void add_resource(const CloudTrailEvent& event, ApiCall& call) {
  if (event.resources.absent()) return;
  const JsonDocument document = event.resources.parse();
  const auto root = document.root();
  simdjson::dom::array items;
  if (!root || root->get(items) != simdjson::SUCCESS) return;
  for (const auto item : items) {
    std::string_view type, arn;
    if (item["type"].get(type) != simdjson::SUCCESS) continue;
    if (item["ARN"].get(arn) != simdjson::SUCCESS && item["arn"].get(arn) != simdjson::SUCCESS) continue;
    call.affected_resources.emplace(std::string(type), std::string(arn));
  }
}

KubernetesSubject kubernetes_subject(const AuditEvent& event) {
  KubernetesSubject subject;
  subject.cluster = event.cluster_name;
  subject.username = event.user.username;
  subject.uid = event.user.uid;
  for (const std::string_view group : event.user.groups) subject.groups.emplace_back(group);
  subject.session_name = event.user.session_name;
  subject.impersonated_username = event.impersonated_user.username;
  for (const std::string_view group : event.impersonated_user.groups)
    subject.impersonated_groups.emplace_back(group);
  subject.workload_name = event.object_ref.name;
  subject.workload_type = event.object_ref.resource;
  subject.workload_namespace = event.object_ref.namespace_name;
  return subject;
}

}  // namespace

Subject subject_of(const CloudTrailEvent& event, ResourceKind resource) {
  Subject subject;
  subject.account = event_account(event);
  subject.region = event.aws_region;
  subject.resource = resource;
  subject.action = ActionKind::aws_api_call;
  if (event.source_ip && event.source_ip->is_public()) subject.remote_ip = event.source_ip;
  const Principal principal = principal_of(event);
  const UserIdentity& identity = event.user_identity;
  subject.access_key =
      AccessKeySubject{std::string(identity.access_key_id), std::string(identity.principal_id),
                       principal.name, std::string(identity.type), principal.key};
  ApiCall call;
  call.api = api_name(event.event_name);
  call.service_name = service_display(event.event_source);
  call.error_code = event.error_code;
  call.user_agent = event.user_agent;
  if (event.source_ip) {
    call.caller_type = "Remote IP";
  } else {
    call.caller_type = "Domain";
    call.caller_domain = event.source_ip_address;
  }
  add_resource(event, call);
  subject.api_call = std::move(call);
  if (event.event_source == "s3.amazonaws.com") {
    if (auto bucket = event.request_parameters.find("bucketName")) {
      BucketSubject s3;
      s3.arn = "arn:aws:s3:::" + *bucket;
      s3.name = std::move(*bucket);
      s3.type = event.read_only.value_or(false) ? "Source" : "Destination";
      subject.buckets.push_back(std::move(s3));
    }
  }
  return subject;
}

void apply_type(const FindingType& type, Subject& subject) {
  subject.role = type.role;
  if (type.action) subject.action = *type.action;
  if (type.resource) subject.resource = *type.resource;
  if (!type.global || subject.region.empty()) return;
  // CloudTrail writes global services' events in one Region of each partition.
  subject.region = subject.region.starts_with("cn-")       ? "cn-north-1"
                   : subject.region.starts_with("us-gov-") ? "us-gov-west-1"
                                                           : "us-east-1";
}

std::optional<int> initiator_of(const FlowRecord& flow) {
  if (flow.more != nullptr && flow.more->tcp_flags && flow.protocol == 6) {
    const unsigned flags = *flow.more->tcp_flags;
    if ((flags & 18U) == 18U) return 1;  // SYN and ACK: the source answers
    if ((flags & 2U) != 0) return 0;     // SYN alone
  }
  const bool source_low = flow.srcport < ephemeral_min, destination_low = flow.dstport < ephemeral_min;
  if (source_low == destination_low) return std::nullopt;
  return destination_low ? 0 : 1;
}

Subject subject_of(const FlowRecord& flow, bool remote_is_source) {
  Subject subject;
  subject.account = flow.account_id;
  subject.resource = ResourceKind::instance;
  subject.action = ActionKind::network_connection;
  subject.remote_ip = remote_is_source ? flow.srcaddr : flow.dstaddr;
  InstanceSubject instance;
  instance.interface_id = flow.interface_id;
  instance.local_ip = remote_is_source ? flow.dstaddr : flow.srcaddr;
  if (flow.more != nullptr) {
    instance.instance_id = flow.more->instance_id;
    instance.vpc_id = flow.more->vpc_id;
    instance.subnet_id = flow.more->subnet_id;
    subject.region = flow.more->region;
  }
  subject.instance = std::move(instance);
  NetworkConnection connection;
  connection.protocol = flow.protocol;
  connection.local_port = remote_is_source ? flow.dstport : flow.srcport;
  connection.remote_port = remote_is_source ? flow.srcport : flow.dstport;
  connection.blocked = flow.action == FlowAction::reject;
  if (const auto by_source = opened_by_source(flow))
    connection.direction = *by_source == remote_is_source ? Direction::inbound : Direction::outbound;
  subject.connection = connection;
  return subject;
}

Subject subject_of(const DnsQuery& query) {
  Subject subject;
  subject.account = query.account_id;
  subject.region = query.region;
  subject.resource = ResourceKind::instance;
  subject.action = ActionKind::dns_request;
  InstanceSubject instance;
  instance.instance_id = query.instance;
  instance.interface_id = query.resolver_network_interface;
  instance.vpc_id = query.vpc_id;
  instance.local_ip = query.srcaddr;
  subject.instance = std::move(instance);
  DnsRequest request;
  request.domain = query.query_name;
  if (request.domain.size() > 1 && request.domain.back() == '.') request.domain.pop_back();
  request.protocol = query.transport;
  request.blocked = query.firewall_rule_action == "BLOCK";
  subject.dns = std::move(request);
  return subject;
}

Subject subject_of(const AuditEvent& event) {
  Subject subject;
  subject.resource = ResourceKind::eks_cluster;
  subject.action = ActionKind::kubernetes_api_call;
  if (event.source_ip && event.source_ip->is_public()) subject.remote_ip = event.source_ip;
  subject.kubernetes = kubernetes_subject(event);
  if (!event.user.access_key_id.empty() || !event.user.arn.empty()) {
    const std::string arn(event.user.canonical_arn.empty() ? event.user.arn : event.user.canonical_arn);
    subject.access_key =
        AccessKeySubject{std::string(event.user.access_key_id), std::string(event.user.principal_id),
                         std::string(event.user.session_name), "AssumedRole", arn};
  }
  KubernetesCall call;
  call.request_uri = event.request_uri;
  call.verb = event.verb;
  call.user_agent = event.user_agent;
  call.resource = event.object_ref.resource;
  call.subresource = event.object_ref.subresource;
  call.namespace_name = event.object_ref.namespace_name;
  call.resource_name = event.object_ref.name;
  call.status_code = event.response_code;
  for (const std::string_view ip : event.source_ips) call.source_ips.emplace_back(ip);
  subject.kubernetes_call = std::move(call);
  return subject;
}

std::vector<IntelEvidence> intel_evidence(std::span<const IntelHit> hits) {
  std::vector<IntelEvidence> copies;
  for (const IntelHit& hit : hits) {
    copies.push_back({std::string(hit.entry), hit.indicator->list,
                      std::string(to_string(hit.indicator->category)), hit.indicator->threat,
                      hit.indicator->category == IntelCategory::custom});
  }
  return copies;
}

std::string issue_value(const Subject& subject, const NamedValues& evidence, const IssueKey& key) {
  const auto text = [](const std::optional<IpAddress>& ip) { return ip ? ip->to_string() : std::string(); };
  switch (key.kind) {
    case IssueKind::principal:
      return subject.access_key ? subject.access_key->principal_key : std::string();
    case IssueKind::access_key:
      return subject.access_key ? subject.access_key->access_key_id : std::string();
    case IssueKind::remote_ip:
      return text(subject.remote_ip);
    case IssueKind::host: {
      if (!subject.instance) return {};
      const InstanceSubject& instance = *subject.instance;
      if (subject.lambda && !subject.lambda->function_name.empty()) return subject.lambda->function_name;
      if (!instance.instance_id.empty()) return instance.instance_id;
      if (!instance.interface_id.empty()) return instance.interface_id;
      return instance.vpc_id + "/" + text(instance.local_ip);
    }
    case IssueKind::bucket:
      return subject.buckets.empty() ? std::string() : subject.buckets.front().name;
    case IssueKind::api:
      return subject.api_call ? subject.api_call->api : std::string();
    case IssueKind::service:
      return subject.api_call ? subject.api_call->service_name : std::string();
    case IssueKind::domain:
      return subject.dns ? subject.dns->domain : std::string();
    case IssueKind::remote_port:
      return subject.connection ? fmt::format("{}", subject.connection->remote_port) : "";
    case IssueKind::local_port:
      return subject.connection ? fmt::format("{}", subject.connection->local_port) : "";
    case IssueKind::cluster:
      return subject.kubernetes ? subject.kubernetes->cluster : std::string();
    case IssueKind::kubernetes_user:
      return subject.kubernetes ? subject.kubernetes->username : std::string();
    case IssueKind::kubernetes_namespace:
      return subject.kubernetes ? subject.kubernetes->workload_namespace : std::string();
    case IssueKind::account:
      return subject.account;
    case IssueKind::workload:
      return subject.kubernetes
                 ? subject.kubernetes->workload_namespace + "/" + subject.kubernetes->workload_type + "/" +
                       subject.kubernetes->workload_name
                 : std::string();
    case IssueKind::evidence:
      for (const auto& [name, value] : evidence) {
        if (name == key.name) return value;
      }
      return {};
  }
  return {};
}

std::string issue_of(const Subject& subject, const NamedValues& evidence, std::span<const IssueKey> keys) {
  std::string issue;
  for (const IssueKey& key : keys) {
    issue += issue_value(subject, evidence, key);
    issue += '\x1f';
  }
  return issue;
}

}  // namespace picket
