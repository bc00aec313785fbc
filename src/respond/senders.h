// How a finding reaches each kind of target.
#pragma once

#include <functional>
#include <string>

#include "aws/service_call.h"
#include "net/address_guard.h"
#include "net/http_client.h"
#include "playbook/playbooks.h"
#include "respond/rules.h"

namespace picket::respond {

// All outlive the senders.
struct Means {
  const net::HttpClient& http;
  const net::AddressGuard& guard;
  const aws::ServiceCaller& aws;
  std::string ca_file;
  std::function<TimeMs()> clock;
  playbook::Playbooks* playbooks = nullptr;  // needed where there are any
};

// Sent when it returns: as the target says, or, where it says nothing (UDP), when it has left. Errors:
// `invalid` when this event is refused, others when the target cannot be reached.
using Send = std::function<Result<void>(const FindingEvent& event, const std::string& body)>;

// Fails when the target's secret cannot be read.
Result<Send> make_sender(const Target& target, const Means& means);

// One message of RFC 5424, with facility "log audit".
std::string syslog_message(const FindingEvent& event, std::string_view body);
// "v1,BASE64" over id, timestamp (seconds) and body, as Standard Webhooks 1.0 has it.
std::string webhook_signature(std::string_view secret, std::string_view id, std::string_view timestamp,
                              std::string_view body);

}  // namespace picket::respond
