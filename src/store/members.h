// Who administers whom. In each Region an administrator's account keeps members, and an account is associated
// with one administrator at most. Kept among the settings (kind "member": the administrator's account, the
// Region, and the member's account as id), so a change of several relationships is all or none.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/finding_store.h"

namespace picket {

constexpr std::string_view member_setting_kind = "member";

enum class Relationship : std::uint8_t {
  created,   // added by the administrator, not invited
  invited,   // and has not answered
  enabled,   // associated
  disabled,  // associated, its detector suspended by the administrator
  removed,   // by the administrator
  resigned,  // by itself, or it declined
};
std::string_view name_of(Relationship relationship);  // "Created": as the API spells it

struct MemberAccount {
  std::string administrator, region, account;
  std::string email;
  Relationship relationship = Relationship::created;
  std::string invitation_id;  // empty: never invited, or the member deleted the invitation
  TimeMs invited_at = 0, updated_at = 0;
  bool by_organization = false;  // enrolled, not invited: it cannot leave by itself

  bool associated() const {
    return relationship == Relationship::enabled || relationship == Relationship::disabled;
  }
};

SettingChange member_change(const MemberAccount& member);
SettingChange member_removal(const MemberAccount& member);

// Every relationship as of one version of the settings.
class Members {
 public:
  static Result<Members> load(FindingStore& store);

  const MemberAccount* find(std::string_view administrator, std::string_view region,
                            std::string_view account) const;
  std::vector<const MemberAccount*> of(std::string_view administrator, std::string_view region) const;
  // Accounts whose findings the administrator sees besides its own.
  std::vector<std::string> associated(std::string_view administrator, std::string_view region) const;
  // The relationship in which the account is an associated member; null when it stands alone.
  const MemberAccount* association(std::string_view account, std::string_view region) const;
  // Relationships in which the account holds an invitation, by administrator.
  std::vector<const MemberAccount*> invitations(std::string_view account, std::string_view region) const;

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // administrator, Region, member
  std::map<Key, MemberAccount> rows_;
  // Region and member to its relationships; pointers into rows_, whose nodes stay.
  std::multimap<std::pair<std::string, std::string>, const MemberAccount*> by_account_;
};

// Keeps the last table and reads it again when the settings have changed. Thread-safe.
class MembersCache {
 public:
  Result<std::shared_ptr<const Members>> current(FindingStore& store);

 private:
  std::mutex mutex_;
  std::uint64_t version_ = 0;
  std::shared_ptr<const Members> members_;
};

}  // namespace picket
