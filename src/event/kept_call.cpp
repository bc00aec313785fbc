#include "event/kept_call.h"

#include <functional>

namespace picket {

namespace {

// Every text of a record. The names are written out so that a member more does not compile.
template <class F>
void each_text(CloudTrailEvent& event, F visit) {
  auto& [event_id, event_version, event_source, event_name, aws_region, source_ip_address, user_agent,
         error_code, error_message, event_type, event_category, recipient_account_id, request_id,
         vpc_endpoint_id, vpc_endpoint_account_id, shared_event_id, event_time, source_ip, read_only,
         management_event, session_credential_from_console, user_identity, request_parameters,
         response_elements, additional_event_data, resources, service_event_details, addendum, tls_details,
         raw] = event;
  auto& [type, principal_id, arn, account_id, access_key_id, user_name, invoked_by, identity_provider,
         on_behalf_of_user_id, credential_id, session_issuer, federated_provider, mfa_authenticated,
         session_creation_date, ec2_role_delivery, source_identity] = user_identity;
  auto& [issuer_type, issuer_arn, issuer_principal_id, issuer_account_id, issuer_user_name] = session_issuer;
  for (std::string_view* text : {&event_id,
                                 &event_version,
                                 &event_source,
                                 &event_name,
                                 &aws_region,
                                 &source_ip_address,
                                 &user_agent,
                                 &error_code,
                                 &error_message,
                                 &event_type,
                                 &event_category,
                                 &recipient_account_id,
                                 &request_id,
                                 &vpc_endpoint_id,
                                 &vpc_endpoint_account_id,
                                 &shared_event_id,
                                 &type,
                                 &principal_id,
                                 &arn,
                                 &account_id,
                                 &access_key_id,
                                 &user_name,
                                 &invoked_by,
                                 &identity_provider,
                                 &on_behalf_of_user_id,
                                 &credential_id,
                                 &federated_provider,
                                 &mfa_authenticated,
                                 &session_creation_date,
                                 &ec2_role_delivery,
                                 &source_identity,
                                 &issuer_type,
                                 &issuer_arn,
                                 &issuer_principal_id,
                                 &issuer_account_id,
                                 &issuer_user_name})
    visit(*text);
  for (RawJson* json : {&request_parameters, &response_elements, &additional_event_data, &resources,
                        &service_event_details, &addendum, &tls_details, &raw}) {
    std::string_view text = json->text();
    visit(text);
    *json = RawJson(text);
  }
}

}  // namespace

KeptCall::KeptCall(const CloudTrailEvent& event) : event_(event) {
  const std::string_view record = event.raw.text();
  const std::less_equal<const char*> not_behind;
  const auto inside = [&](std::string_view text) {
    return not_behind(record.data(), text.data()) &&
           not_behind(text.data() + text.size(), record.data() + record.size());
  };
  std::size_t bytes = record.size();
  each_text(event_, [&](std::string_view text) { bytes += inside(text) ? 0 : text.size(); });
  text_.reserve(bytes);  // so that nothing moves from here on
  text_ = record;
  each_text(event_, [&](std::string_view& text) {
    if (text.empty()) {
      text = {};
    } else if (inside(text)) {
      text = {text_.data() + (text.data() - record.data()), text.size()};
    } else {
      const std::size_t begin = text_.size();
      text_ += text;
      text = std::string_view(text_).substr(begin);
    }
  });
}

}  // namespace picket
