// What is served beyond GuardDuty's API, under /picket/v1/ (docs/investigate.md): entities, reports of
// investigations, records of findings, rules of users, what became of lists. Reads only, signed like
// GuardDuty's calls; who may do guardduty:GetFindings may do these.
#pragma once

#include <optional>
#include <string_view>

#include "api/call.h"
#include "api/picket_paths.h"

namespace picket::api {

struct PicketCall {
  const aws::Credential& caller;
  std::string region;  // from the signature's scope
  std::string_view path;
  QueryParameters query;
  const Backend& backend;
  std::shared_ptr<const Members> members;

  Scope scope() const { return scope_of(caller, *members, region); }
  // Of the query; the first of several.
  std::string_view parameter(std::string_view name) const;
};

// "GetEntity" and the like; empty: there is no such path.
std::string_view picket_operation(std::string_view path);
Answer answer_picket(const PicketCall& call);

}  // namespace picket::api
