// Reads what `aws … describe-*` printed (JSON), so that facts are there which no log tells: instances
// launched before the logs begin, automatic public addresses, interfaces of AWS services.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "state/facts.h"

namespace picket {

// Understands the output of `aws ec2 describe-instances`, `describe-network-interfaces`,
// `describe-addresses`, `describe-nat-gateways`, `describe-vpc-endpoints`, `describe-security-groups`,
// `aws lambda list-functions` and `aws eks describe-cluster`. The rows hold since forever; what the logs say
// later overrides them. `account` and `region` serve where the output does not tell them itself (it does not
// for addresses and NAT gateways). An error names the member that is missing or unknown.
Result<std::vector<FactRow>> import_inventory(std::string_view json, std::string_view account,
                                              std::string_view region);

}  // namespace picket
