#include <algorithm>
#include <set>

#include "api/organization.h"
#include "finding/detector_id.h"

namespace picket::api {

namespace {

constexpr std::string_view known_kind = "organization_account";  // of the management account: once new

void enable_wanted(DetectorSettings& detector, const OrganizationSettings& settings, TimeMs now) {
  for (const auto& [name, wanted] : settings.features) {
    const auto feature = detector.features.find(name);
    if (feature == detector.features.end() || wanted.auto_enable == AutoEnable::none) continue;
    feature->second.enabled = true;
    feature->second.updated_at = now;
    for (const auto& [part, value] : wanted.additional)
      if (value != AutoEnable::none) feature->second.additional[part] = true;
  }
}

bool wanted(const OrganizationAccount& account, bool is_new, const MemberAccount* existing, AutoEnable mode) {
  if (mode == AutoEnable::all) return true;
  return is_new && existing == nullptr && (mode == AutoEnable::new_accounts || account.role == "member");
}

Result<void> enroll_in(const Backend& backend, const std::string& region,
                       const std::vector<OrganizationAccount>& accounts, const Members& members, TimeMs now) {
  FindingStore& store = *backend.store;
  const auto administrator = organization_administrator(backend, region);
  if (!administrator) return std::unexpected(administrator.error());
  const auto settings = load_organization_settings(store, *administrator, region);
  if (!settings) return std::unexpected(settings.error());
  const std::string& management = backend.organization.management_account;
  const auto known_rows = store.list_settings(management, region, known_kind);
  if (!known_rows) return std::unexpected(known_rows.error());
  std::set<std::string> known;
  for (const Setting& row : *known_rows) known.insert(row.id);

  std::vector<SettingChange> changes;
  for (const OrganizationAccount& account : accounts) {
    const bool is_new = !known.contains(account.id);
    if (is_new) changes.push_back({management, region, std::string(known_kind), account.id, "{}"});
    if (account.id == *administrator) continue;
    const MemberAccount* association = members.association(account.id, region);
    const bool suspended = association != nullptr && association->administrator == *administrator &&
                           association->relationship == Relationship::disabled;
    if (association != nullptr && !suspended) continue;
    const MemberAccount* existing = members.find(*administrator, region, account.id);
    if (!wanted(account, is_new, existing, settings->members)) continue;
    MemberAccount member{.administrator = *administrator, .region = region, .account = account.id};
    if (existing != nullptr) member = *existing;
    if (member.email.empty()) member.email = account.email;
    auto enrolled = enrollment(backend, member, *settings, now);
    if (!enrolled) return std::unexpected(enrolled.error());
    changes.insert(changes.end(), enrolled->begin(), enrolled->end());
  }
  if (changes.empty()) return {};
  if (const auto done = store.change_settings(changes); !done) return std::unexpected(done.error());
  return {};
}

}  // namespace

std::vector<OrganizationAccount> organization_accounts(const Backend& backend) {
  std::vector<OrganizationAccount> out;
  if (backend.organization.management_account.empty()) return out;
  out = backend.organization.accounts;  // first, since they tell names
  out.push_back({.id = backend.organization.management_account});
  if (backend.places)
    for (const auto& [account, region] : backend.places())
      if (!account.empty()) out.push_back({.id = account});
  std::ranges::stable_sort(out, {}, &OrganizationAccount::id);
  const auto repeated = std::ranges::unique(out, {}, &OrganizationAccount::id);
  out.erase(repeated.begin(), repeated.end());
  return out;
}

bool in_organization(const Backend& backend, std::string_view account) {
  const auto accounts = organization_accounts(backend);
  return std::ranges::binary_search(accounts, account, {}, &OrganizationAccount::id);
}

Result<std::string> organization_administrator(const Backend& backend, std::string_view region) {
  auto delegated = load_delegated_administrator(*backend.store, region);
  if (!delegated || !delegated->empty()) return delegated;
  for (const OrganizationAccount& account : backend.organization.accounts)
    if (account.role == "delegated-administrator") return account.id;
  return backend.organization.management_account;
}

Result<std::optional<DetectorSettings>> detector_of(const Backend& backend, std::string_view account,
                                                    std::string_view region) {
  auto stored = load_detector(*backend.store, account, region);
  if (!stored) return stored;
  if (*stored) {
    if ((*stored)->status == DetectorStatus::deleted) return std::nullopt;
    return stored;
  }
  if (!backend.auto_detectors) return std::nullopt;
  const auto seen = backend.first_seen(account, region);
  if (!seen) return std::nullopt;
  return default_detector(*seen);
}

Result<std::vector<SettingChange>> enrollment(const Backend& backend, const MemberAccount& member,
                                              const OrganizationSettings& settings, TimeMs now) {
  const auto existing = detector_of(backend, member.account, member.region);
  if (!existing) return std::unexpected(existing.error());
  DetectorSettings detector = *existing ? **existing : default_detector(now);
  detector.status = DetectorStatus::enabled;
  detector.updated_at = now;
  enable_wanted(detector, settings, now);
  MemberAccount enrolled = member;
  enrolled.relationship = Relationship::enabled;
  enrolled.by_organization = true;
  enrolled.updated_at = now;
  return std::vector{member_change(enrolled), detector_change(member.account, member.region, detector)};
}

Result<void> enroll_accounts(const Backend& backend, TimeMs now) {
  const auto accounts = organization_accounts(backend);
  if (accounts.empty()) return {};
  const auto members = Members::load(*backend.store);
  if (!members) return std::unexpected(members.error());
  std::set<std::string> regions;
  if (backend.places)
    for (const auto& [account, region] : backend.places())
      if (!region.empty()) regions.insert(region);
  const auto delegated = load_delegated_administrators(*backend.store);
  if (!delegated) return std::unexpected(delegated.error());
  for (const auto& [region, account] : *delegated) regions.insert(region);
  for (const std::string& region : regions)
    if (auto done = enroll_in(backend, region, accounts, *members, now); !done) return done;
  return {};
}

}  // namespace picket::api
