// Parts of a finding's JSON that several formats tell.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace picket::respond {

// "" when there is no text at the pointer.
std::string_view text_at(const simdjson::dom::element& finding, std::string_view pointer);
std::int64_t number_at(const simdjson::dom::element& finding, std::string_view pointer,
                       std::int64_t otherwise = 0);

// What a finding is about, under the names of ASFF.
struct AffectedResource {
  std::string type;  // "AwsEc2Instance"
  std::string id;    // an ARN where AWS has one
  std::string name;  // short
};
std::vector<AffectedResource> resources_of(const simdjson::dom::element& finding);

// Who was at the other end, and at which port.
struct RemoteEnd {
  std::string_view ip, country, organization, domain;
  std::int64_t port = 0, local_port = 0;  // 0: not known
  std::string_view protocol;
  std::string_view api, service;  // of a call
};
RemoteEnd remote_end_of(const simdjson::dom::element& finding);

std::string_view principal_of(const simdjson::dom::element& finding);
// The part of a finding type before the colon.
std::string_view purpose_of(std::string_view type);

}  // namespace picket::respond
