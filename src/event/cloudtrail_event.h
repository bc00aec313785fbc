// One CloudTrail record. Members carry CloudTrail's own names in snake_case; CloudTrail's record
// reference explains them. Text points into the decoder's buffer and is valid only while the event
// is being handled. An absent member is an empty view (absent and "" never differ in meaning here),
// or std::nullopt where the type is not text.
#pragma once

#include <optional>
#include <string_view>

#include "base/ip.h"
#include "base/time.h"
#include "event/raw_json.h"

namespace picket {

struct SessionIssuer {
  std::string_view type, arn, principal_id, account_id, user_name;
};

struct UserIdentity {
  std::string_view type, principal_id, arn, account_id, access_key_id, user_name, invoked_by,
      identity_provider;
  std::string_view on_behalf_of_user_id;  // onBehalfOf.userId (Identity Center)
  std::string_view credential_id;         // credentialId
  SessionIssuer session_issuer;           // sessionContext.sessionIssuer
  std::string_view federated_provider;    // sessionContext.webIdFederationData.federatedProvider
  std::string_view
      mfa_authenticated;  // sessionContext.attributes.mfaAuthenticated: "true", "false" or absent
  std::string_view session_creation_date;  // sessionContext.attributes.creationDate
  std::string_view
      ec2_role_delivery;             // sessionContext.ec2RoleDelivery: "1.0", "2.0" (IMDS version) or absent
  std::string_view source_identity;  // sessionContext.sourceIdentity
};

struct CloudTrailEvent {
  std::string_view event_id, event_version, event_source, event_name, aws_region, source_ip_address,
      user_agent;
  std::string_view error_code, error_message, event_type, event_category, recipient_account_id, request_id;
  std::string_view vpc_endpoint_id, vpc_endpoint_account_id, shared_event_id;
  TimeMs event_time = 0;
  // source_ip_address when it is an address; absent for service names and "AWS Internal".
  std::optional<IpAddress> source_ip;
  std::optional<bool> read_only, management_event;
  bool session_credential_from_console = false;
  UserIdentity user_identity;
  RawJson request_parameters, response_elements, additional_event_data, resources, service_event_details;
  RawJson addendum, tls_details;
  RawJson raw;  // the whole record
};

}  // namespace picket
