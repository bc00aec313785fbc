// The organisation: its accounts, who administers GuardDuty in it, and how its accounts become members.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/backend.h"
#include "store/detector_settings.h"
#include "store/members.h"
#include "store/organization.h"

namespace picket::api {

// GuardDuty's quotas of members: by invitation, and of an organisation's administrator.
constexpr std::size_t members_max = 5'000, organization_members_max = 50'000;

// The management account, those of the configuration and those seen in logs; by id, each once. Empty without
// an organisation.
std::vector<OrganizationAccount> organization_accounts(const Backend& backend);
bool in_organization(const Backend& backend, std::string_view account);

// Who administers GuardDuty for the organisation in this Region: the account it was delegated to by the API,
// else by the configuration, else the management account. Empty without an organisation.
Result<std::string> organization_administrator(const Backend& backend, std::string_view region);

// The detector of an account: as stored, else the automatic one of an account seen in the Region. Absent when
// there is none.
Result<std::optional<DetectorSettings>> detector_of(const Backend& backend, std::string_view account,
                                                    std::string_view region);

// What makes the account an enabled member of the organisation's administrator: the relationship and a
// detector that runs, with the features on that `settings` enables for new accounts.
Result<std::vector<SettingChange>> enrollment(const Backend& backend, const MemberAccount& member,
                                              const OrganizationSettings& settings, TimeMs now);

// Makes members of the accounts that the configuration or autoEnable want enrolled, in every Region. An
// account is new once; what users did to it since stays, unless autoEnable is ALL.
Result<void> enroll_accounts(const Backend& backend, TimeMs now);

}  // namespace picket::api
