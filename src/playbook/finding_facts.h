// What playbooks need to know of a finding: whom it is about, and on what evidence it rests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace picket::playbook {

struct FindingFacts {
  std::string id, type, account, region;
  TimeMs last_seen = 0;
  bool sample = false;
  bool provisional = false;  // records that come late may still change it
  bool unordered = false;    // they cannot any more, but it was never made sure
  std::string action_type;   // "AWS_API_CALL", "NETWORK_CONNECTION", …; empty: none, as in attack sequences
  std::string api, error_code;      // of an API call
  std::string direction, protocol;  // of a connection
  std::string instance_id;
  std::string access_key_id, principal_id, user_type, user_name;
  std::vector<std::string> buckets;
  std::string cluster, kubernetes_user;
  std::string remote_address;
  std::vector<std::string> listed_on;  // threat lists that name an address or domain of it
  bool is_sequence() const { return type.starts_with("AttackSequence:"); }
};

// `document`: a stored or exported finding in API casing.
Result<FindingFacts> facts_of(std::string_view document);

// What a playbook acts on.
enum class Subject : unsigned char { instance, access_key, role, bucket, service_account, address };
std::string_view name_of(Subject subject);

// What binds the subject to what happened. Not firm: somebody outside could have caused the records without
// having anything to do with the subject.
struct Basis {
  bool firm = false;
  std::string why;  // a sentence
};
Basis basis_of(const FindingFacts& facts, Subject subject);

}  // namespace picket::playbook
