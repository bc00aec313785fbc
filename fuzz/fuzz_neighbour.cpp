// Calls of neighbouring services: forms and JSON of any kind are read, and told in the audit log as JSON.
#include <simdjson.h>

#include <cstdint>
#include <cstdlib>

#include "api/neighbours.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const aws::HttpHeader target{"X-Amz-Target", "AWSOrganizationsV20161128.ListAccounts"};
  for (const char* service : {"sts", "ec2", "organizations"}) {
    const api::NeighbourCall call =
        api::read_neighbour_call(service, {"POST", "/", "", std::span(&target, 1), text});
    const std::string told = api::audit_parameters(call);
    simdjson::dom::parser parser;
    if (!told.empty() && parser.parse(told).error() != simdjson::SUCCESS) std::abort();
    if (api::neighbour_response(call, api::action_not_served(call)).status != 400) std::abort();
  }
  return 0;
}
