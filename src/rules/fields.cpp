#include "rules/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace picket::rules {

namespace {

namespace dom = simdjson::dom;

using Read = void (*)(FieldReader&, const RecordView&);
struct Known {
  std::string_view name;
  Read read;
};

#define CALL(name, member) \
  {name, [](FieldReader& reader, const RecordView& of) { reader.add(of.cloudtrail->member); }}
#define IDENTITY(name, member) CALL("userIdentity." name, user_identity.member)

void add_flag(FieldReader& reader, std::optional<bool> flag) {
  if (flag) reader.add(*flag ? std::string_view("true") : std::string_view("false"));
}

// What the CloudTrail decoder has ready. Everything else is looked up in the record's JSON.
constexpr Known cloudtrail_fields[] = {
    CALL("eventID", event_id),
    CALL("eventVersion", event_version),
    CALL("eventSource", event_source),
    CALL("eventName", event_name),
    CALL("awsRegion", aws_region),
    {"sourceIPAddress",
     [](FieldReader& reader, const RecordView& of) {
       const CloudTrailEvent& event = *of.cloudtrail;
       reader.add(event.source_ip_address);
     }},
    CALL("userAgent", user_agent),
    CALL("errorCode", error_code),
    CALL("errorMessage", error_message),
    CALL("eventType", event_type),
    CALL("eventCategory", event_category),
    CALL("recipientAccountId", recipient_account_id),
    CALL("requestID", request_id),
    CALL("vpcEndpointId", vpc_endpoint_id),
    CALL("vpcEndpointAccountId", vpc_endpoint_account_id),
    CALL("sharedEventID", shared_event_id),
    {"readOnly",
     [](FieldReader& reader, const RecordView& of) { add_flag(reader, of.cloudtrail->read_only); }},
    {"managementEvent",
     [](FieldReader& reader, const RecordView& of) { add_flag(reader, of.cloudtrail->management_event); }},
    IDENTITY("type", type),
    IDENTITY("principalId", principal_id),
    IDENTITY("arn", arn),
    IDENTITY("accountId", account_id),
    IDENTITY("accessKeyId", access_key_id),
    IDENTITY("userName", user_name),
    IDENTITY("invokedBy", invoked_by),
    IDENTITY("identityProvider", identity_provider),
    IDENTITY("credentialId", credential_id),
    IDENTITY("onBehalfOf.userId", on_behalf_of_user_id),
    IDENTITY("sessionContext.sessionIssuer.type", session_issuer.type),
    IDENTITY("sessionContext.sessionIssuer.arn", session_issuer.arn),
    IDENTITY("sessionContext.sessionIssuer.principalId", session_issuer.principal_id),
    IDENTITY("sessionContext.sessionIssuer.accountId", session_issuer.account_id),
    IDENTITY("sessionContext.sessionIssuer.userName", session_issuer.user_name),
    IDENTITY("sessionContext.webIdFederationData.federatedProvider", federated_provider),
    IDENTITY("sessionContext.attributes.mfaAuthenticated", mfa_authenticated),
    IDENTITY("sessionContext.attributes.creationDate", session_creation_date),
    IDENTITY("sessionContext.ec2RoleDelivery", ec2_role_delivery),
    IDENTITY("sessionContext.sourceIdentity", source_identity),
};
// Members of a CloudTrail record (record contents, event version 1.11).
constexpr std::string_view cloudtrail_members[] = {
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "eventType",
    "apiVersion",
    "managementEvent",
    "readOnly",
    "resources",
    "recipientAccountId",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "eventCategory",
    "addendum",
    "tlsDetails",
    "sessionCredentialFromConsole",
    "edgeDeviceDetails",
    "insightDetails",
    "vpcEndpointAccountId",
    "eventContext",
};
// Parts whose text the decoder has; number 0 is the whole record.
constexpr std::string_view cloudtrail_documents[] = {
    "",          "requestParameters",   "responseElements", "additionalEventData",
    "resources", "serviceEventDetails", "addendum",         "tlsDetails"};

#define AUDIT(name, member) \
  {name, [](FieldReader& reader, const RecordView& of) { reader.add(of.audit->member); }}
#define AUDIT_LIST(name, member)                                            \
  {name, [](FieldReader& reader, const RecordView& of) {                    \
     for (const std::string_view text : of.audit->member) reader.add(text); \
   }}
constexpr Known audit_fields[] = {
    AUDIT("auditID", audit_id),
    AUDIT("stage", stage),
    AUDIT("level", level),
    AUDIT("verb", verb),
    AUDIT("requestURI", request_uri),
    AUDIT("userAgent", user_agent),
    AUDIT("user.username", user.username),
    AUDIT("user.uid", user.uid),
    AUDIT_LIST("user.groups", user.groups),
    AUDIT("impersonatedUser.username", impersonated_user.username),
    AUDIT_LIST("impersonatedUser.groups", impersonated_user.groups),
    AUDIT_LIST("sourceIPs", source_ips),
    AUDIT("objectRef.resource", object_ref.resource),
    AUDIT("objectRef.subresource", object_ref.subresource),
    AUDIT("objectRef.namespace", object_ref.namespace_name),
    AUDIT("objectRef.name", object_ref.name),
    AUDIT("objectRef.apiGroup", object_ref.api_group),
    AUDIT("objectRef.apiVersion", object_ref.api_version),
    {"responseStatus.code",
     [](FieldReader& reader, const RecordView& of) {
       if (of.audit->response_code != 0)
         reader.add_number(static_cast<std::uint64_t>(of.audit->response_code));
     }},
    AUDIT("responseStatus.reason", response_reason),
    AUDIT("responseStatus.message", response_message),
};
constexpr std::string_view audit_members[] = {
    "kind",
    "apiVersion",
    "level",
    "auditID",
    "stage",
    "requestURI",
    "verb",
    "user",
    "impersonatedUser",
    "sourceIPs",
    "userAgent",
    "objectRef",
    "responseStatus",
    "requestObject",
    "responseObject",
    "requestReceivedTimestamp",
    "stageTimestamp",
    "annotations",
    "metadata",
    "timestamp",
    "authenticationMetadata",
};
constexpr std::string_view audit_documents[] = {"", "requestObject", "responseObject", "annotations"};

#define FLOW_MORE(name, member)                                       \
  {name, [](FieldReader& reader, const RecordView& of) {              \
     if (of.flow->more != nullptr) reader.add(of.flow->more->member); \
   }}
#define FLOW_NUMBER(name, member)                                    \
  {name, [](FieldReader& reader, const RecordView& of) {             \
     reader.add_number(static_cast<std::uint64_t>(of.flow->member)); \
   }}
#define FLOW_IP(name, member) \
  {name, [](FieldReader& reader, const RecordView& of) { reader.add(of.flow->member); }}

void flow_packet_address(FieldReader& reader, const std::optional<IpAddress>& ip) {
  if (ip) reader.add(*ip);
}

constexpr Known flow_fields[] = {
    FLOW_IP("srcaddr", srcaddr),
    FLOW_IP("dstaddr", dstaddr),
    FLOW_NUMBER("srcport", srcport),
    FLOW_NUMBER("dstport", dstport),
    FLOW_NUMBER("protocol", protocol),
    FLOW_NUMBER("packets", packets),
    FLOW_NUMBER("bytes", bytes),
    FLOW_NUMBER("start", start),
    FLOW_NUMBER("end", end),
    {"action",
     [](FieldReader& reader, const RecordView& of) {
       if (of.flow->action == FlowAction::accept) reader.add(std::string_view("ACCEPT"));
       if (of.flow->action == FlowAction::reject) reader.add(std::string_view("REJECT"));
     }},
    {"account-id", [](FieldReader& reader, const RecordView& of) { reader.add(of.flow->account_id); }},
    {"interface-id", [](FieldReader& reader, const RecordView& of) { reader.add(of.flow->interface_id); }},
    FLOW_MORE("vpc-id", vpc_id),
    FLOW_MORE("subnet-id", subnet_id),
    FLOW_MORE("instance-id", instance_id),
    FLOW_MORE("type", type),
    FLOW_MORE("region", region),
    FLOW_MORE("az-id", az_id),
    FLOW_MORE("pkt-src-aws-service", pkt_src_aws_service),
    FLOW_MORE("pkt-dst-aws-service", pkt_dst_aws_service),
    FLOW_MORE("reject-reason", reject_reason),
    FLOW_MORE("ecs-cluster-name", ecs_cluster_name),
    FLOW_MORE("ecs-service-name", ecs_service_name),
    FLOW_MORE("ecs-task-arn", ecs_task_arn),
    {"pkt-srcaddr",
     [](FieldReader& reader, const RecordView& of) {
       if (of.flow->more != nullptr) flow_packet_address(reader, of.flow->more->pkt_srcaddr);
     }},
    {"pkt-dstaddr",
     [](FieldReader& reader, const RecordView& of) {
       if (of.flow->more != nullptr) flow_packet_address(reader, of.flow->more->pkt_dstaddr);
     }},
    {"tcp-flags",
     [](FieldReader& reader, const RecordView& of) {
       if (of.flow->more != nullptr && of.flow->more->tcp_flags) reader.add_number(*of.flow->more->tcp_flags);
     }},
    {"flow-direction",
     [](FieldReader& reader, const RecordView& of) {
       if (of.flow->more != nullptr && of.flow->more->has_flow_direction)
         reader.add(of.flow->more->egress ? std::string_view("egress") : std::string_view("ingress"));
     }},
    {"traffic-path",
     [](FieldReader& reader, const RecordView& of) {
       if (of.flow->more != nullptr && of.flow->more->traffic_path)
         reader.add_number(*of.flow->more->traffic_path);
     }},
};

#define DNS(name, member) \
  {name, [](FieldReader& reader, const RecordView& of) { reader.add(of.dns->member); }}
#define DNS_ANSWERS(name, member)                                               \
  {name, [](FieldReader& reader, const RecordView& of) {                        \
     for (const DnsAnswer& answer : of.dns->answers) reader.add(answer.member); \
   }}
constexpr Known dns_fields[] = {
    DNS("version", version),
    DNS("account_id", account_id),
    DNS("region", region),
    DNS("vpc_id", vpc_id),
    // Without the root's dot, as people and lists write names.
    {"query_name",
     [](FieldReader& reader, const RecordView& of) {
       std::string_view name = of.dns->query_name;
       if (name.size() > 1 && name.ends_with('.')) name.remove_suffix(1);
       reader.add(name);
     }},
    DNS("query_type", query_type),
    DNS("query_class", query_class),
    DNS("rcode", rcode),
    DNS("transport", transport),
    {"srcaddr",
     [](FieldReader& reader, const RecordView& of) {
       if (of.dns->srcaddr) reader.add(*of.dns->srcaddr);
     }},
    {"srcport", [](FieldReader& reader, const RecordView& of) { reader.add_number(of.dns->srcport); }},
    DNS("srcids.instance", instance),
    DNS("srcids.resolver_endpoint", resolver_endpoint),
    DNS("srcids.resolver_network_interface", resolver_network_interface),
    DNS("firewall_rule_action", firewall_rule_action),
    DNS("firewall_rule_group_id", firewall_rule_group_id),
    DNS("firewall_domain_list_id", firewall_domain_list_id),
    DNS_ANSWERS("answers.Rdata", rdata),
    DNS_ANSWERS("answers.Type", type),
    DNS_ANSWERS("answers.Class", answer_class),
};

// Sigma's taxonomy (categories firewall and dns) and the common spellings with underscores.
struct Alias {
  std::string_view alias, name;
};
constexpr Alias flow_aliases[] = {
    {"src_ip", "srcaddr"},
    {"dst_ip", "dstaddr"},
    {"src_port", "srcport"},
    {"dst_port", "dstport"},
    {"account_id", "account-id"},
    {"interface_id", "interface-id"},
    {"vpc_id", "vpc-id"},
    {"subnet_id", "subnet-id"},
    {"instance_id", "instance-id"},
    {"tcp_flags", "tcp-flags"},
    {"flow_direction", "flow-direction"},
    {"pkt_srcaddr", "pkt-srcaddr"},
    {"pkt_dstaddr", "pkt-dstaddr"},
};
constexpr Alias dns_aliases[] = {
    {"query", "query_name"}, {"record_type", "query_type"}, {"answer", "answers.Rdata"},
    {"src_ip", "srcaddr"},   {"src_port", "srcport"},
};

std::span<const Known> known_of(LogKind log) {
  switch (log) {
    case LogKind::cloudtrail:
      return cloudtrail_fields;
    case LogKind::k8saudit:
      return audit_fields;
    case LogKind::vpcflow:
      return flow_fields;
    case LogKind::dns:
      return dns_fields;
  }
  return {};
}

std::string_view without_alias(LogKind log, std::string_view name) {
  std::span<const Alias> aliases;
  if (log == LogKind::vpcflow) aliases = flow_aliases;
  if (log == LogKind::dns) aliases = dns_aliases;
  for (const Alias& alias : aliases) {
    if (alias.alias == name) return alias.name;
  }
  return name;
}

std::vector<std::string> steps_of(std::string_view path) {
  std::vector<std::string> steps;
  while (true) {
    const std::size_t dot = path.find('.');
    steps.emplace_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return steps;
    path.remove_prefix(dot + 1);
  }
}

bool has_name(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<std::size_t> index_of(std::string_view step) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (error != std::errc{} || end != step.data() + step.size()) return std::nullopt;
  return index;
}

constexpr std::size_t path_steps_max = 32;

}  // namespace

bool is_field(LogKind log, std::string_view name) {
  if (name.empty()) return true;
  const std::string_view real = without_alias(log, name);
  for (const Known& known : known_of(log)) {
    if (known.name == real) return true;
  }
  if (log == LogKind::vpcflow || log == LogKind::dns) return false;
  const std::vector<std::string> steps = steps_of(name);
  if (steps.size() > path_steps_max) return false;
  const std::string_view first = steps.front();
  return first == "*" || first == "**" ||
         (log == LogKind::cloudtrail ? has_name(cloudtrail_members, first) : has_name(audit_members, first));
}

std::uint32_t FieldTable::number_of(std::string_view name) {
  const std::string_view real = without_alias(log_, name);
  for (std::uint32_t number = 0; number < fields_.size(); ++number) {
    if (fields_[number].name == real) return number;
  }
  Field field;
  field.name = real;
  for (const Known& known : known_of(log_)) {
    if (known.name == real) field.read = known.read;
  }
  if (!real.empty() && field.read == nullptr) {
    field.path = steps_of(real);
    std::span<const std::string_view> documents;
    if (log_ == LogKind::cloudtrail) documents = cloudtrail_documents;
    if (log_ == LogKind::k8saudit) documents = audit_documents;
    for (unsigned i = 1; i < documents.size(); ++i) {
      if (documents[i] != field.path.front()) continue;
      field.document = i;
      field.path.erase(field.path.begin());
      break;
    }
    for (const std::string& step : field.path) {
      if (step != "*" && step != "**" && !index_of(step)) field.name_to_find = step;
    }
  }
  fields_.push_back(std::move(field));
  return static_cast<std::uint32_t>(fields_.size() - 1);
}

void FieldReader::begin(const FieldTable& table, const RecordView& record) {
  table_ = &table;
  record_ = record;
  ++number_;
  texts_used_ = 0;
  if (slots_.size() < table.size()) slots_.resize(table.size());
}

std::vector<FieldValue>& FieldReader::values(std::uint32_t field) {
  Slot& slot = slots_[field];
  if (slot.record == number_) return slot.values;
  slot.record = number_;
  slot.values.clear();
  current_ = &slot.values;
  const FieldTable::Field& of = table_->fields_[field];
  if (of.read != nullptr) {
    of.read(*this, record_);
  } else if (of.name.empty()) {
    add(document_text(0));
  } else if (of.path.empty()) {
    if (const std::string_view text = document_text(of.document); text != "null") add(text);
  } else if (!may_have(of)) {
    return slot.values;
  } else if (const auto& root = document(of.document)) {
    walk(*root, of.path, 0);
  }
  return slot.values;
}

// Whether the JSON may have the field, without a parse: not where a step's name is nowhere in it and nothing
// is escaped.
bool FieldReader::may_have(const FieldTable::Field& field) const {
  if (field.name_to_find.empty()) return true;
  const std::string_view text = document_text(field.document);
  return text.find(field.name_to_find) != std::string_view::npos || text.find('\\') != std::string_view::npos;
}

std::string_view FieldReader::lower(FieldValue& value) {
  if (value.lower.data() != nullptr) return value.lower;
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (std::none_of(value.text.begin(), value.text.end(), upper)) {
    value.lower = value.text;
  } else {
    std::string& text = next_text();
    text = value.text;
    for (char& c : text) {
      if (upper(c)) c = static_cast<char>(c + ('a' - 'A'));
    }
    value.lower = text;
  }
  return value.lower;
}

void FieldReader::add(const IpAddress& ip) {
  std::string& text = next_text();
  text = ip.to_string();
  current_->push_back({text, {}, &ip});
}

void FieldReader::add_number(std::uint64_t number) {
  std::string& text = next_text();
  text.clear();
  fmt::format_to(std::back_inserter(text), "{}", number);
  current_->push_back({text, {}, nullptr});
}

std::string& FieldReader::next_text() {
  if (texts_used_ == texts_.size()) texts_.emplace_back();
  return texts_[texts_used_++];
}

std::string_view FieldReader::document_text(unsigned number) const {
  if (const CloudTrailEvent* event = record_.cloudtrail) {
    const RawJson* const parts[] = {&event->raw,
                                    &event->request_parameters,
                                    &event->response_elements,
                                    &event->additional_event_data,
                                    &event->resources,
                                    &event->service_event_details,
                                    &event->addendum,
                                    &event->tls_details};
    return parts[number]->text();
  }
  if (const AuditEvent* event = record_.audit) {
    const RawJson* const parts[] = {&event->raw, &event->request_object, &event->response_object,
                                    &event->annotations};
    return parts[number]->text();
  }
  return record_.dns != nullptr ? record_.dns->raw : std::string_view{};
}

const std::optional<dom::element>& FieldReader::document(unsigned number) {
  auto& document = documents_[number];
  if (!document) document = std::make_unique<Document>();
  if (document->record == number_) return document->root;
  document->record = number_;
  document->root.reset();
  const std::string_view text = document_text(number);
  dom::element root;
  if (!text.empty() && document->parser.parse(text.data(), text.size()).get(root) == simdjson::SUCCESS)
    document->root = root;
  return document->root;
}

void FieldReader::walk(const dom::element& element, const std::vector<std::string>& path, std::size_t step) {
  if (step == path.size()) return take(element);
  const std::string& name = path[step];
  const bool deep = name == "**";
  if (deep) walk(element, path, step + 1);
  if (element.is_array()) {
    const dom::array items = element.get_array().value_unsafe();
    if (const auto index = index_of(name)) {
      dom::element item;
      if (items.at(*index).get(item) == simdjson::SUCCESS) walk(item, path, step + 1);
      return;
    }
    for (const dom::element item : items) walk(item, path, step);
    return;
  }
  if (!element.is_object()) return;
  const dom::object members = element.get_object().value_unsafe();
  if (deep || name == "*") {
    for (const auto member : members) walk(member.value, path, deep ? step : step + 1);
    return;
  }
  // Names of members may hold dots themselves ("authorization.k8s.io/decision").
  std::string key = name;
  for (std::size_t end = step + 1;; ++end) {
    dom::element found;
    if (members[key].get(found) == simdjson::SUCCESS) return walk(found, path, end);
    if (end == path.size()) return;
    key += '.';
    key += path[end];
  }
}

void FieldReader::take(const dom::element& element) {
  switch (element.type()) {
    case dom::element_type::NULL_VALUE:
      return;
    case dom::element_type::STRING:
      // An empty text is a value here: its place says so.
      current_->push_back({element.get_string().value_unsafe(), {}, nullptr});
      return;
    case dom::element_type::BOOL:
      return add(element.get_bool().value_unsafe() ? std::string_view("true") : std::string_view("false"));
    case dom::element_type::ARRAY: {
      const dom::array items = element.get_array().value_unsafe();
      for (const dom::element item : items) take(item);
      return;
    }
    default:
      return add(next_text() = simdjson::minify(element));
  }
}

}  // namespace picket::rules
