#include "api/permissions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/access_calls.h"
#include "api/respond_calls.h"
#include "api/tables.h"

namespace picket::api {

bool is_changing(std::string_view operation) {
  return !operation.starts_with("Get") && !operation.starts_with("List") &&
         !operation.starts_with("Describe");
}

bool is_administrators_task(std::string_view operation) {
  static constexpr std::array<std::string_view, 9> parts{
      "ArchiveFindings", "UnarchiveFindings", "FindingsFeedback", "Filter",  "IPSet",
      "ThreatIntelSet",  "ThreatEntitySet",   "TrustedEntitySet", "Playbook"};
  return is_changing(operation) && std::ranges::any_of(parts, [&](std::string_view part) {
           return operation.find(part) != std::string_view::npos;
         });
}

bool is_allowed(aws::Role role, std::string_view operation) {
  static constexpr std::array<std::string_view, 6> judging{
      "ArchiveFindings", "UnarchiveFindings", "UpdateFindingsFeedback",
      "PreviewPlaybook", "RunPlaybook",       "UndoPlaybookRun"};
  const auto names = [&](std::string_view part) { return operation.find(part) != std::string_view::npos; };
  // Who has keys and who called what is for administrators, to read too.
  if (names("AccessKey") || names("AuditEvents"))
    return role == aws::Role::administrator || role == aws::Role::delegated_administrator;
  if (!is_changing(operation)) return true;
  switch (role) {
    case aws::Role::administrator:
      return true;
    case aws::Role::delegated_administrator:
      return !names("OrganizationAdminAccount");
    case aws::Role::read_only:
      return false;
    case aws::Role::responder:
      return std::ranges::find(judging, operation) != judging.end();
    case aws::Role::member:
      return !is_administrators_task(operation) && !names("Members") && !names("MemberDetectors") &&
             !names("Organization");
  }
  return false;
}

bool is_permitted(const aws::Credential& caller, std::string_view action) {
  const std::size_t colon = action.find(':');
  // Of the neighbouring services only reads and credentials of the caller's own are served.
  const bool by_role = (!action.starts_with("guardduty:") && !action.starts_with("picket:")) ||
                       is_allowed(caller.role, action.substr(colon + 1));
  const auto judge = [&](const std::optional<aws::Policy>& policy) {
    return policy ? policy->judge(action) : aws::Verdict::none;
  };
  const aws::Verdict own = judge(caller.policy), session = judge(caller.session_policy);
  if (own == aws::Verdict::deny || session == aws::Verdict::deny) return false;
  if (caller.session_policy && session != aws::Verdict::allow) return false;
  return by_role || own == aws::Verdict::allow;
}

bool no_wider(aws::Role role, const aws::Credential& caller) {
  const auto may = [&](std::string_view service, std::string_view operation) {
    return !is_allowed(role, operation) || is_permitted(caller, fmt::format("{}:{}", service, operation));
  };
  return std::ranges::all_of(operations(),
                             [&](const Operation& one) { return may("guardduty", one.name); }) &&
         std::ranges::all_of(own_operations(), [&](std::string_view one) { return may("picket", one); });
}

std::vector<std::string_view> own_operations() {
  std::vector<std::string_view> names = changing_respond_operations();
  for (const std::string_view name : access_operations()) names.push_back(name);
  return names;
}

}  // namespace picket::api
