// The few calls of other services that GuardDuty's clients make on the way: who am I, credentials for a
// while, which Regions, accounts and names there are. Signed like all others, for their own service.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/backend.h"
#include "api/errors.h"
#include "api/response.h"
#include "aws/credentials.h"
#include "aws/sigv4.h"

namespace picket::api {

// How a service spells its calls and answers.
enum class Protocol : unsigned char { query, ec2, json };

struct NeighbourCall {
  std::string_view service;  // "sts"
  std::string action;        // "GetCallerIdentity"; empty: it names none
  Protocol protocol = Protocol::query;
  // The parameters, by name: of a form, or the top members of a JSON body that are strings or numbers.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string request_id;
  TimeMs now = 0;
  std::string region;

  std::string_view parameter(std::string_view name) const;  // empty: absent
};

struct NeighbourAnswer {
  std::string result;          // XML inside the result element, or a JSON object
  std::string audit_elements;  // responseElements of the audit log; empty: null
};
using NeighbourResult = std::expected<NeighbourAnswer, ApiError>;

bool is_neighbour(std::string_view service);
NeighbourCall read_neighbour_call(std::string_view service, const aws::HttpRequest& request);
// Parameters for the audit log; a JSON object.
std::string audit_parameters(const NeighbourCall& call);
NeighbourResult answer_neighbour(const NeighbourCall& call, const aws::Credential& caller, Backend& backend,
                                 aws::KeyStore& keys);

Response neighbour_response(const NeighbourCall& call, const NeighbourResult& result);
// For services that are not served; the form follows what the client seems to speak.
Response service_not_served(std::string_view service, const aws::HttpRequest& request,
                            const std::string& request_id);
// The names that these services have for what the verifier and the walls say.
ApiError neighbour_error(Protocol protocol, const ApiError& error);

// arn:aws:iam::ACCOUNT:user/PROFILE, or that of the assumed role's session.
std::string principal_arn(const aws::Credential& credential, std::string_view region);
std::string principal_id(const aws::Credential& credential);

// Tells what is served of the call's service.
std::unexpected<ApiError> action_not_served(const NeighbourCall& call);
std::string xml_escaped(std::string_view text);
NeighbourResult answer_sts(const NeighbourCall& call, const aws::Credential& caller, Backend& backend,
                           aws::KeyStore& keys);
NeighbourResult answer_organizations(const NeighbourCall& call, const aws::Credential& caller,
                                     Backend& backend);

}  // namespace picket::api
