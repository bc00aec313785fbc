// Functions of the condition language that look inside a JSON value: the text of an object or array, or a
// string that holds one (IAM's policyDocument). What is no JSON has no values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace picket::rules {

// Scalars under members of this name, at any depth.
std::vector<std::string> json_collect_values(std::string_view json, std::string_view member);

// Account ids of the AWS principals that a policy's Allow statements let in, by Principal or by a condition
// on the principal. Accounts from which AWS's services deliver logs are left out.
std::vector<std::string> get_aws_principal(std::string_view policy, std::string_view unused);

// "true" when an Allow statement lets in everybody, or everybody with AWS credentials, and no condition ties
// it to somebody; else nothing.
std::vector<std::string> policy_has_public_principal(std::string_view policy, std::string_view unused);

// Prefix lengths of the ranges to which a security group call opens this TCP port.
std::vector<std::string> ingress_prefix_length(std::string_view request, std::string_view port);

// Days after which enabled lifecycle rules of a bucket delete objects.
std::vector<std::string> lifecycle_expiration_days(std::string_view request, std::string_view unused);

}  // namespace picket::rules
