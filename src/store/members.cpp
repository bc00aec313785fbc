#include "store/members.h"

#include <algorithm>

#include "base/json_writer.h"
#include "store/stored.h"

namespace picket {

namespace {

constexpr std::array<std::string_view, 6> relationship_names{"Created",  "Invited", "Enabled",
                                                             "Disabled", "Removed", "Resigned"};

MemberAccount read(const Setting& setting, const simdjson::dom::element& root) {
  MemberAccount out{.administrator = setting.account, .region = setting.region, .account = setting.id};
  out.email = std::string_view(root["email"]);
  const auto known = std::ranges::find(relationship_names, std::string_view(root["relationship"]));
  if (known == relationship_names.end()) throw simdjson::simdjson_error(simdjson::INCORRECT_TYPE);
  out.relationship = static_cast<Relationship>(known - relationship_names.begin());
  out.invitation_id = std::string_view(root["invitation_id"]);
  out.invited_at = root["invited_at"];
  out.updated_at = root["updated_at"];
  out.by_organization = root["by_organization"];
  return out;
}

}  // namespace

std::string_view name_of(Relationship relationship) {
  return relationship_names[static_cast<std::size_t>(relationship)];
}

SettingChange member_change(const MemberAccount& member) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.member("email", member.email);
  json.member("relationship", name_of(member.relationship));
  json.member("invitation_id", member.invitation_id);
  json.member("invited_at", member.invited_at);
  json.member("updated_at", member.updated_at);
  json.member("by_organization", member.by_organization);
  json.end_object();
  return {member.administrator, member.region, std::string(member_setting_kind), member.account,
          std::move(body)};
}

SettingChange member_removal(const MemberAccount& member) {
  return {member.administrator, member.region, std::string(member_setting_kind), member.account,
          std::nullopt};
}

Result<Members> Members::load(FindingStore& store) {
  const auto all = load_all_stored(store, std::nullopt, std::nullopt, member_setting_kind, read);
  if (!all) return std::unexpected(all.error());
  Members out;
  for (const MemberAccount& member : *all) {
    const auto [row, fresh] =
        out.rows_.emplace(Key{member.administrator, member.region, member.account}, member);
    out.by_account_.emplace(std::pair(member.region, member.account), &row->second);
  }
  return out;
}

const MemberAccount* Members::find(std::string_view administrator, std::string_view region,
                                   std::string_view account) const {
  const auto found = rows_.find(Key{administrator, region, account});
  return found == rows_.end() ? nullptr : &found->second;
}

std::vector<const MemberAccount*> Members::of(std::string_view administrator, std::string_view region) const {
  std::vector<const MemberAccount*> out;
  for (auto row = rows_.lower_bound(Key{administrator, region, ""});
       row != rows_.end() && row->second.administrator == administrator && row->second.region == region;
       ++row)
    out.push_back(&row->second);
  return out;
}

std::vector<std::string> Members::associated(std::string_view administrator, std::string_view region) const {
  std::vector<std::string> out;
  for (const MemberAccount* member : of(administrator, region))
    if (member->associated()) out.push_back(member->account);
  return out;
}

const MemberAccount* Members::association(std::string_view account, std::string_view region) const {
  const auto [first, last] = by_account_.equal_range({std::string(region), std::string(account)});
  for (auto row = first; row != last; ++row)
    if (row->second->associated()) return row->second;
  return nullptr;
}

std::vector<const MemberAccount*> Members::invitations(std::string_view account,
                                                       std::string_view region) const {
  std::vector<const MemberAccount*> out;
  const auto [first, last] = by_account_.equal_range({std::string(region), std::string(account)});
  for (auto row = first; row != last; ++row)
    if (!row->second->invitation_id.empty()) out.push_back(row->second);
  std::ranges::sort(out, {}, &MemberAccount::administrator);
  return out;
}

Result<std::shared_ptr<const Members>> MembersCache::current(FindingStore& store) {
  const auto version = store.settings_version();
  if (!version) return std::unexpected(version.error());
  const std::scoped_lock lock(mutex_);
  if (!members_ || version_ != *version) {
    auto loaded = Members::load(store);
    if (!loaded) return std::unexpected(loaded.error());
    members_ = std::make_shared<const Members>(std::move(*loaded));
    version_ = *version;
  }
  return members_;
}

}  // namespace picket
