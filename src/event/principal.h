// Who acted and how it went: single functions used by every CloudTrail detector (what
// userIdentity and errorCode tell, in one place).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "event/cloudtrail_event.h"

namespace picket {

struct Principal {
  // What learning, aggregation and partitions key on; never empty.
  std::string key;
  // Session or workload under the key (instance id, function name, SSO user); empty when there is none.
  std::string workload;
  // Name for people: user name, role name, "root", service name.
  std::string name;
  bool aws_service = false;  // an AWS service or a service-linked role: takes no part in learning
  bool anonymous = false;    // ANONYMOUS_PRINCIPAL
};

// By userIdentity.type:
//   IAMUser, Root -> arn; AssumedRole -> issuer's arn, but issuer + "/" + session name for
//   AWSReservedSSO_* and SAML roles; instance, Lambda, ECS, IRSA and pod-identity sessions -> issuer, with
//   the session as workload; random session names collapse to the issuer; FederatedUser -> its issuer;
//   AWSAccount (foreign, arn redacted) -> account + principalId; IdentityCenterUser -> userId;
//   AWSService, SAMLUser, WebIdentityUser, Directory, Unknown named explicitly.
Principal principal_of(const CloudTrailEvent& event);

// Of all that principal_of() reads of it: equal for one identity, and cheaper than its principal.
std::uint64_t identity_hash(const UserIdentity& identity);

// The event's principal for all who ask: made once, and only when somebody does.
class Caller {
 public:
  explicit Caller(const CloudTrailEvent& event) : event_(event) {}
  const Principal& principal() {
    if (!principal_) principal_ = principal_of(event_);
    return *principal_;
  }

 private:
  const CloudTrailEvent& event_;
  std::optional<Principal> principal_;
};

// The session name of an assumed role ("…:assumed-role/ROLE/SESSION" or principalId "AROA…:SESSION"); empty
// when none.
std::string_view session_name(const UserIdentity& identity);

// The EC2 instance whose role session this is ("i-0abc…"), empty when it is none.
std::string_view instance_session(const UserIdentity& identity);

enum class Outcome : std::uint8_t { success, denied, failed };

// errorCode absent = success, except ConsoleLogin, whose result is in responseElements.ConsoleLogin or
// errorMessage. denied: AccessDenied*, UnauthorizedOperation kinds, VpceAccessDenied, DryRunOperation,
// authentication refused. failed: every other error (throttled, not found, invalid).
Outcome outcome(const CloudTrailEvent& event);

// The account that a record is of: recipientAccountId, and the caller's where records lack it.
std::string_view event_account(const CloudTrailEvent& event);

// eventName without date and version suffix: "UpdateFunctionCode20150331v2" -> "UpdateFunctionCode".
std::string_view api_name(std::string_view event_name);

// An AWS service acts on somebody's behalf. The console does too, in records of root, but it acts for the
// person in front of it, who counts as the caller.
bool through_service(const UserIdentity& identity);

// The address an outsider could have used: a public source_ip, no invokedBy, no VPC endpoint,
// no console-forwarded session. Only then do intelligence, geography, travel and theft logic run.
bool has_outside_address(const CloudTrailEvent& event);

}  // namespace picket
