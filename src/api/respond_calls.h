// The calls about responders and playbooks, beside GuardDuty's, under /picket/v1/: signed in the same way,
// for the service "guardduty", with bodies and answers in JSON. Docs: docs/playbooks.md.
//
//   GET  /picket/v1/responders                  ListResponders: the targets of findings and how sending goes
//   GET  /picket/v1/playbooks                   ListPlaybooks
//   POST /picket/v1/playbooks/NAME/preview      PreviewPlaybook {"findingId", "acceptForgeableEvidence"}
//   POST /picket/v1/playbooks/NAME/run          RunPlaybook, likewise
//   GET  /picket/v1/playbook-runs[?findingId=]  ListPlaybookRuns, newest first, at most 1000
//   POST /picket/v1/playbook-runs/ID/undo       UndoPlaybookRun
//
// Findings and runs are seen as the caller sees the accounts they are of. Only who administers every account
// is told of the responders.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/backend.h"
#include "api/errors.h"
#include "api/picket_paths.h"
#include "aws/credentials.h"
#include "aws/sigv4.h"

namespace picket::api {

bool is_respond_path(std::string_view path);  // of these calls, or of none

struct RespondCall {
  std::string operation;  // "RunPlaybook"
  std::string subject;    // what the path names: a playbook, a run
  aws::Credential caller;
  std::string region;
  const aws::HttpRequest& request;
  Scope scope;  // whose findings and runs the caller sees
  Backend& backend;
  std::function<Result<std::optional<Finding>>(const std::string& id)> finding;
  std::string audited = {};  // what the audit log tells of the parameters, set by answer_respond
};

// Sets operation and subject, which stay empty when there is no such call.
void find_respond_operation(const aws::HttpRequest& request, RespondCall& call);
// Names of all that change something.
std::vector<std::string_view> changing_respond_operations();
Answer answer_respond(RespondCall& call);

}  // namespace picket::api
