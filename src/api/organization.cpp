// EnableOrganizationAdminAccount, DisableOrganizationAdminAccount, ListOrganizationAdminAccounts,
// DescribeOrganizationConfiguration, UpdateOrganizationConfiguration, GetOrganizationStatistics.
#include "api/organization.h"

#include <array>
#include <map>

#include "api/handlers.h"
#include "api/paging.h"
#include "base/json_writer.h"

namespace picket::api {

namespace {

using simdjson::dom::element;

std::unexpected<ApiError> no_organization_permission() {
  return bad_request(
      "The request failed because you do not have required AWS Organization master permission.");
}

bool is_management(const Call& call) {
  return call.caller.account == call.backend.organization.management_account;
}

// The caller's detector, when the caller administers GuardDuty for the organisation in this Region.
std::expected<void, ApiError> require_organization_administrator(const Call& call) {
  const auto administrator = organization_administrator(call.backend, call.region);
  if (!administrator) return store_error(administrator.error(), "detectorId");
  if (administrator->empty() || *administrator != call.caller.account) return no_organization_permission();
  return {};
}

std::expected<OrganizationSettings, ApiError> settings_of(const Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  if (const auto ok = require_organization_administrator(call); !ok) return std::unexpected(ok.error());
  auto settings = load_organization_settings(call.store(), call.caller.account, call.region);
  if (!settings) return store_error(settings.error(), "detectorId");
  return std::move(*settings);
}

// The deprecated dataSources, each with the steps to its autoEnable.
struct DataSource {
  std::array<std::string_view, 3> path;
  const char* feature;
};
constexpr std::array<DataSource, 3> data_sources{
    DataSource{{"s3Logs", "", ""}, "S3_DATA_EVENTS"},
    DataSource{{"kubernetes", "auditLogs", ""}, "EKS_AUDIT_LOGS"},
    DataSource{{"malwareProtection", "scanEc2InstanceWithFindings", "ebsVolumes"}, "EBS_MALWARE_PROTECTION"}};

void apply_data_sources(const Call& call, OrganizationSettings& settings) {
  const auto given = call.member("dataSources");
  if (!given) return;
  for (const DataSource& source : data_sources) {
    auto step = simdjson::simdjson_result<element>(element(*given));
    for (const std::string_view name : source.path)
      if (!name.empty()) step = step[name];
    bool enable = false;
    if (step["autoEnable"].get(enable) == simdjson::SUCCESS)
      settings.features[source.feature].auto_enable = enable ? AutoEnable::new_accounts : AutoEnable::none;
  }
}

// False when a feature has no such part, or a name is missing.
bool apply_features(const Call& call, OrganizationSettings& settings) {
  simdjson::dom::array features;
  const auto given = call.member("features");
  if (!given || given->get(features) != simdjson::SUCCESS) return true;
  const auto read = [](const simdjson::simdjson_result<element>& value, AutoEnable& into) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) into = *parse_auto_enable(text);
  };
  for (const element row : features) {
    std::string_view name;
    if (row["name"].get(name) != simdjson::SUCCESS) return false;
    OrganizationFeature& feature = settings.features[std::string(name)];
    read(row["autoEnable"], feature.auto_enable);
    simdjson::dom::array parts;
    if (row["additionalConfiguration"].get(parts) != simdjson::SUCCESS) continue;
    for (const element part : parts) {
      if (part["name"].get(name) != simdjson::SUCCESS) return false;
      const auto known = feature.additional.find(std::string(name));
      if (known == feature.additional.end()) return false;
      read(part["autoEnable"], known->second);
    }
  }
  return settings.features["EKS_RUNTIME_MONITORING"].auto_enable == AutoEnable::none ||
         settings.features["RUNTIME_MONITORING"].auto_enable == AutoEnable::none;
}

// False when neither the new member nor the old boolean is given, or they contradict each other.
bool apply_mode(const Call& call, OrganizationSettings& settings) {
  const auto old = call.flag("autoEnable");
  const auto mode = call.text("autoEnableOrganizationMembers");
  if (!old && !mode) return false;
  const AutoEnable wanted = mode   ? *parse_auto_enable(*mode)
                            : *old ? AutoEnable::new_accounts
                                   : AutoEnable::none;
  settings.members = wanted;
  return !old || *old == (wanted != AutoEnable::none);
}

// ALL turns a feature on in every member at once.
Result<std::vector<SettingChange>> enable_features_everywhere(const Call& call,
                                                              const OrganizationSettings& settings) {
  std::vector<SettingChange> changes;
  for (const MemberAccount* member : call.members->of(call.caller.account, call.region)) {
    if (!member->associated() || !member->by_organization) continue;
    const auto found = detector_of(call.backend, member->account, call.region);
    if (!found) return std::unexpected(found.error());
    DetectorSettings detector = *found ? **found : default_detector(call.now);
    bool changed = false;
    const auto turn_on = [&](bool& enabled) {
      changed = changed || !enabled;
      enabled = true;
    };
    for (const auto& [name, wanted] : settings.features) {
      FeatureSetting& feature = detector.features[name];
      if (wanted.auto_enable == AutoEnable::all) turn_on(feature.enabled);
      for (const auto& [part, value] : wanted.additional)
        if (value == AutoEnable::all) turn_on(feature.additional[part]);
    }
    if (!changed) continue;
    detector.updated_at = call.now;
    changes.push_back(detector_change(member->account, call.region, detector));
  }
  return changes;
}

void write_auto_enable(JsonWriter& json, const OrganizationSettings& settings, const char* feature) {
  const auto found = settings.features.find(feature);
  json.begin_object();
  json.member("autoEnable",
              found != settings.features.end() && found->second.auto_enable != AutoEnable::none);
  json.end_object();
}

void write_data_sources(JsonWriter& json, const OrganizationSettings& settings) {
  json.begin_object();
  json.key("s3Logs");
  write_auto_enable(json, settings, "S3_DATA_EVENTS");
  json.key("kubernetes");
  json.begin_object();
  json.key("auditLogs");
  write_auto_enable(json, settings, "EKS_AUDIT_LOGS");
  json.end_object();
  json.key("malwareProtection");
  json.begin_object();
  json.key("scanEc2InstanceWithFindings");
  json.begin_object();
  json.key("ebsVolumes");
  write_auto_enable(json, settings, "EBS_MALWARE_PROTECTION");
  json.end_object();
  json.end_object();
  json.end_object();
}

void write_features(JsonWriter& json, const OrganizationSettings& settings) {
  json.begin_array();
  for (const auto& [name, feature] : settings.features) {
    json.begin_object();
    json.member("name", name);
    json.member("autoEnable", name_of(feature.auto_enable));
    if (!feature.additional.empty()) {
      json.key("additionalConfiguration");
      json.begin_array();
      for (const auto& [part, value] : feature.additional) {
        json.begin_object();
        json.member("name", part);
        json.member("autoEnable", name_of(value));
        json.end_object();
      }
      json.end_array();
    }
    json.end_object();
  }
  json.end_array();
}

std::expected<std::string, ApiError> requested_admin(const Call& call) {
  if (!is_management(call)) return no_organization_permission();
  const std::string account = *call.text("adminAccountId");
  if (!is_account_id(account) || !in_organization(call.backend, account)) return out_of_range();
  return account;
}

}  // namespace

Answer enable_organization_admin_account(Call& call) {
  const auto account = requested_admin(call);
  if (!account) return std::unexpected(account.error());
  const auto delegated = load_delegated_administrators(call.store());
  if (!delegated) return store_error(delegated.error(), "adminAccountId");
  for (const auto& [region, holder] : *delegated)
    if (region == call.region || holder != *account)  // one account for all Regions
      return bad_request(
          "The request failed because an account is already enabled as the GuardDuty delegated administrator "
          "for the organization.");
  std::vector<SettingChange> changes{delegated_administrator_change(call.region, *account)};
  const auto detector = detector_of(call.backend, *account, call.region);
  if (!detector) return store_error(detector.error(), "adminAccountId");
  if (!*detector) changes.push_back(detector_change(*account, call.region, default_detector(call.now)));
  // An administrator is nobody's member, and who was enrolled before belongs to the new one.
  if (const MemberAccount* association = call.members->association(*account, call.region)) {
    MemberAccount removed = *association;
    removed.relationship = Relationship::removed;
    removed.updated_at = call.now;
    changes.push_back(association->by_organization ? member_removal(*association) : member_change(removed));
  }
  const auto before = organization_administrator(call.backend, call.region);
  if (!before) return store_error(before.error(), "adminAccountId");
  for (const MemberAccount* member : call.members->of(*before, call.region)) {
    if (!member->by_organization || member->account == *account || *before == *account) continue;
    MemberAccount moved = *member;
    moved.administrator = *account;
    moved.updated_at = call.now;
    changes.push_back(member_removal(*member));
    changes.push_back(member_change(moved));
  }
  return call.commit(std::move(changes), "{}");
}

Answer disable_organization_admin_account(Call& call) {
  const auto account = requested_admin(call);
  if (!account) return std::unexpected(account.error());
  const auto delegated = load_delegated_administrator(call.store(), call.region);
  if (!delegated) return store_error(delegated.error(), "adminAccountId");
  if (*delegated != *account) return out_of_range();
  std::vector<SettingChange> changes{delegated_administrator_change(call.region, ""),
                                     organization_settings_removal(*account, call.region)};
  for (const MemberAccount* member : call.members->of(*account, call.region)) {
    if (!member->by_organization || !member->associated()) continue;
    MemberAccount removed = *member;
    removed.relationship = Relationship::removed;
    removed.updated_at = call.now;
    changes.push_back(member_change(removed));
  }
  return call.commit(std::move(changes), "{}");
}

Answer list_organization_admin_accounts(Call& call) {
  const auto delegated = load_delegated_administrator(call.store(), call.region);
  if (!delegated) return store_error(delegated.error(), "nextToken");
  if (!is_management(call)) return no_organization_permission();
  std::vector<std::string> accounts;
  if (!delegated->empty()) accounts.push_back(*delegated);
  return paged(
      call, "adminAccounts", accounts,
      [&](JsonWriter& json, std::size_t row) {
        json.begin_object();
        json.member("adminAccountId", accounts[row]);
        json.member("adminStatus", "ENABLED");
        json.end_object();
      },
      LastToken::empty);
}

Answer describe_organization_configuration(Call& call) {
  const auto settings = settings_of(call);
  if (!settings) return std::unexpected(settings.error());
  // Features are fewer than a page holds; only a token that was never given out is refused.
  std::vector<std::string> names;
  for (const auto& [name, feature] : settings->features) names.push_back(name);
  if (const auto page = page_of(call, names); !page) return std::unexpected(page.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("autoEnable", settings->members != AutoEnable::none);
  json.member("autoEnableOrganizationMembers", name_of(settings->members));
  json.member("memberAccountLimitReached",
              call.members->of(call.caller.account, call.region).size() >= organization_members_max);
  json.key("dataSources");
  write_data_sources(json, *settings);
  json.key("features");
  write_features(json, *settings);
  json.end_object();
  return out;
}

Answer update_organization_configuration(Call& call) {
  auto settings = settings_of(call);
  if (!settings) return std::unexpected(settings.error());
  if (!apply_mode(call, *settings)) return invalid_parameters();
  apply_data_sources(call, *settings);
  if (!apply_features(call, *settings)) return invalid_parameters();
  settings->updated_at = call.now;
  auto changes = enable_features_everywhere(call, *settings);
  if (!changes) return store_error(changes.error(), "features");
  changes->push_back(organization_settings_change(call.caller.account, call.region, *settings));
  Answer answer = call.commit(std::move(*changes), "{}");
  if (!answer) return answer;
  if (const auto done = enroll_accounts(call.backend, call.now); !done)
    return store_error(done.error(), "autoEnableOrganizationMembers");
  return answer;
}

Answer get_organization_statistics(Call& call) {
  if (const auto ok = require_organization_administrator(call); !ok) return std::unexpected(ok.error());
  std::size_t enabled_accounts = 0, active = 0;
  std::map<std::string, std::pair<std::size_t, std::map<std::string, std::size_t>>> features;
  for (const auto& [name, feature] : default_organization_settings().features) {
    auto& counts = features[name];
    for (const auto& [part, value] : feature.additional) counts.second[part];
  }
  const auto accounts = organization_accounts(call.backend);
  for (const OrganizationAccount& account : accounts) {
    const auto detector = detector_of(call.backend, account.id, call.region);
    if (!detector) return store_error(detector.error(), "organization");
    if (!*detector || (*detector)->status != DetectorStatus::enabled) continue;
    ++enabled_accounts;
    for (auto& [name, counts] : features) {
      const auto feature = (*detector)->features.find(name);
      if (feature == (*detector)->features.end() || !feature->second.enabled) continue;
      ++counts.first;
      for (const auto& [part, enabled] : feature->second.additional)
        if (enabled) ++counts.second[part];
    }
  }
  const auto members = call.members->of(call.caller.account, call.region);
  for (const MemberAccount* member : members)
    if (member->relationship == Relationship::enabled) ++active;
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("organizationDetails");
  json.begin_object();
  json.member_raw("updatedAt", epoch_seconds(call.now));
  json.key("organizationStatistics");
  json.begin_object();
  json.member("totalAccountsCount", accounts.size());
  json.member("memberAccountsCount", members.size());
  json.member("activeAccountsCount", active);
  json.member("enabledAccountsCount", enabled_accounts);
  json.key("countByFeature");
  json.begin_array();
  for (const auto& [name, counts] : features) {
    json.begin_object();
    json.member("name", name);
    json.member("enabledAccountsCount", counts.first);
    if (!counts.second.empty()) {
      json.key("additionalConfiguration");
      json.begin_array();
      for (const auto& [part, count] : counts.second) {
        json.begin_object();
        json.member("name", part);
        json.member("enabledAccountsCount", count);
        json.end_object();
      }
      json.end_array();
    }
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.end_object();
  json.end_object();
  return out;
}

}  // namespace picket::api
