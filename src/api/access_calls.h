// The calls about access keys and the audit log, beside GuardDuty's, under /picket/v1/: signed in the same
// way, for the service "guardduty", with bodies and answers in JSON. Administrators only. Docs:
// docs/accounts.md.
//
//   GET    /picket/v1/access-keys          ListAccessKeys
//   POST   /picket/v1/access-keys          CreateAccessKey {"profile", "accountId", "role", "region"}: the
//                                          secret is in this answer and nowhere else
//   POST   /picket/v1/access-keys/PROFILE  UpdateAccessKey {"active": false}
//   DELETE /picket/v1/access-keys/PROFILE  DeleteAccessKey
//   GET
//   /picket/v1/audit-events[?caller=&operation=&errors=true&changes=true&from=&to=&maxResults=&nextToken=]
//                                          ListAuditEvents, newest first
//
// An administrator sees and makes keys of its own account, who administers every account those of all. Nobody
// makes a key that may more than the caller, nor takes away the one that it acts through.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/backend.h"
#include "api/errors.h"
#include "api/picket_paths.h"
#include "aws/credentials.h"
#include "aws/sigv4.h"

namespace picket::api {

bool is_access_path(std::string_view path);  // of these calls, or of none

struct AccessCall {
  std::string operation;  // "CreateAccessKey"
  std::string subject;    // the profile that the path names
  aws::Credential caller;
  std::string region;
  const aws::HttpRequest& request;
  const Backend& backend;
  const aws::KeyFiles& files;
  std::string audited = {}, audited_answer = {};  // what the audit log tells, set by answer_access
};

// Sets operation and subject, which stay empty when there is no such call.
void find_access_operation(const aws::HttpRequest& request, AccessCall& call);
// Names of all of them: reading is for administrators too.
std::vector<std::string_view> access_operations();
Answer answer_access(AccessCall& call);

}  // namespace picket::api
