// What a credential may do. Accounts are walls besides: nothing here lets a call reach another account.
#pragma once

#include <string_view>
#include <vector>

#include "aws/credentials.h"

namespace picket::api {

// Whether the operation changes anything, by its name.
bool is_changing(std::string_view operation);

// What only an administrator may do for its members: judging findings, filters, lists.
bool is_administrators_task(std::string_view operation);

// What a role may do by itself.
bool is_allowed(aws::Role role, std::string_view operation);

// The role and the policies together: an explicit deny wins; else the role or the key's policy must allow it,
// and so must the session's policy where there is one. `action` is "guardduty:ListFindings" or the like.
bool is_permitted(const aws::Credential& caller, std::string_view action);

// Whether the role allows nothing that the caller may not do itself.
bool no_wider(aws::Role role, const aws::Credential& caller);

// Operations of picket's own, "picket:NAME", that are not everybody's who reads: changing ones, and those of
// administrators.
std::vector<std::string_view> own_operations();

}  // namespace picket::api
