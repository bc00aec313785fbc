// One Kubernetes audit event (audit.k8s.io/v1 or v1beta1), as EKS delivers it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/ip.h"
#include "base/time.h"
#include "event/raw_json.h"

namespace picket {

struct AuditUser {
  std::string_view username, uid;
  std::span<const std::string_view> groups;
  // user.extra of EKS: who the IAM identity behind the mapped username is.
  std::string_view arn, canonical_arn, session_name, access_key_id, principal_id;
};

struct AuditObject {
  std::string_view resource, subresource, namespace_name, name, api_group, api_version;
};

struct AuditEvent {
  std::string_view audit_id, stage, level, verb, request_uri, user_agent;
  TimeMs request_received_timestamp = 0;
  TimeMs stage_timestamp = 0;
  AuditUser user;
  AuditUser impersonated_user;  // username empty when there is none
  std::span<const std::string_view> source_ips;
  std::optional<IpAddress> source_ip;  // the first of source_ips that is an address
  AuditObject object_ref;              // all empty when absent
  int response_code = 0;               // responseStatus.code, 0 when absent
  std::string_view response_reason, response_message, authorization_decision, authorization_reason;
  RawJson request_object, response_object, annotations;
  RawJson raw;
  // From the container the record came in (log group, object key, configuration), not from the record; may be
  // empty.
  std::string_view cluster_name;

  // The user whose rights were used: the impersonated one when there is one.
  const AuditUser& acting_user() const {
    return impersonated_user.username.empty() ? user : impersonated_user;
  }
};

}  // namespace picket
