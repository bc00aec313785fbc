#include "api/permissions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

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
  return std::ranges::all_of(operations(), [&](const Operation& operation) {
    return !is_allowed(role, operation.name) ||
           is_permitted(caller, fmt::format("guardduty:{}", operation.name));
  });
}

}  // namespace picket::api
