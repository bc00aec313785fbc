// The administrator's side of membership: CreateMembers, GetMembers, ListMembers, DeleteMembers,
// InviteMembers, DisassociateMembers, StartMonitoringMembers, StopMonitoringMembers, GetMemberDetectors,
// UpdateMemberDetectors. Accounts that could not be processed are told in the answer, each with GuardDuty's
// sentence; the others are done.
#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <set>

#include "api/account_batch.h"
#include "api/features.h"
#include "api/handlers.h"
#include "api/organization.h"
#include "api/paging.h"
#include "base/json_writer.h"
#include "finding/detector_id.h"

namespace picket::api {

namespace {

std::expected<std::vector<std::string>, ApiError> accounts_of_own_detector(const Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  return requested_accounts(call);
}

const MemberAccount* own_member(const Call& call, const std::string& account) {
  return call.members->find(call.caller.account, call.region, account);
}

std::expected<std::string, ApiError> random_id() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return store_error({ErrorKind::io, "getrandom gave too few bytes", "invitation", -1}, "");
  std::string out;
  for (const unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

void write_member(JsonWriter& json, const MemberAccount& member) {
  json.begin_object();
  json.member("accountId", member.account);
  if (member.associated()) json.member("detectorId", detector_id_of(member.account, member.region));
  json.member("masterId", member.administrator);
  json.member("administratorId", member.administrator);
  json.member("email", member.email.empty() ? "unknown" : member.email);
  json.member("relationshipStatus", name_of(member.relationship));
  if (member.invited_at != 0) json.member("invitedAt", format_time(member.invited_at));
  json.member("updatedAt", format_time(member.updated_at));
  json.end_object();
}

// With autoEnable ALL every account of the organisation stays an enabled member.
std::expected<void, ApiError> require_leaving_allowed(const Call& call,
                                                      const std::vector<std::string>& accounts) {
  const auto settings = load_organization_settings(call.store(), call.caller.account, call.region);
  if (!settings) return store_error(settings.error(), "detectorId");
  if (settings->members != AutoEnable::all) return {};
  for (const std::string& account : accounts) {
    const MemberAccount* member = own_member(call, account);
    if (member != nullptr && member->by_organization) return auto_enable_holds();
  }
  return {};
}

// Moves associated members from one relationship to the other, their detectors with them.
Answer set_monitoring(Call& call, const std::vector<std::string>& accounts, Relationship wanted) {
  AccountBatch batch;
  for (const std::string& account : accounts) {
    const MemberAccount* member = own_member(call, account);
    if (member == nullptr || !member->associated()) {
      batch.refuse(account, not_associated);
      continue;
    }
    const auto detector = detector_of(call.backend, account, call.region);
    if (!detector) return store_error(detector.error(), "accountIds");
    DetectorSettings changed = *detector ? **detector : default_detector(call.now);
    changed.status = wanted == Relationship::enabled ? DetectorStatus::enabled : DetectorStatus::disabled;
    changed.updated_at = call.now;
    MemberAccount moved = *member;
    moved.relationship = wanted;
    moved.updated_at = call.now;
    batch.changes.push_back(member_change(moved));
    batch.changes.push_back(detector_change(account, call.region, changed));
  }
  return std::move(batch).commit(call);
}

}  // namespace

Answer create_members(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const auto administrator = organization_administrator(call.backend, call.region);
  if (!administrator) return store_error(administrator.error(), "detectorId");
  const bool organization = *administrator == call.caller.account;
  const auto settings = load_organization_settings(call.store(), call.caller.account, call.region);
  if (!settings) return store_error(settings.error(), "detectorId");
  const bool is_member = call.members->association(call.caller.account, call.region) != nullptr;
  const std::size_t allowed = organization ? organization_members_max : members_max;
  std::size_t members = call.members->of(call.caller.account, call.region).size();

  AccountBatch batch;
  std::set<std::string> seen;
  const simdjson::dom::array details = *call.member("accountDetails");
  for (const simdjson::dom::element row : details) {
    const std::string account{std::string_view(row["accountId"])};
    const std::string email{std::string_view(row["email"])};
    if (!is_account_id(account)) return out_of_range();
    if (!seen.insert(account).second) continue;
    const MemberAccount* existing = own_member(call, account);
    const bool enrolls = organization && in_organization(call.backend, account) &&
                         call.members->association(account, call.region) == nullptr;
    const bool left = existing != nullptr && (existing->relationship == Relationship::removed ||
                                              existing->relationship == Relationship::resigned);
    if (is_member) {
      batch.refuse(account,
                   "The request is rejected because the current account cannot create members since it is "
                   "already an associated member of another master account.");
    } else if (account == call.caller.account) {
      batch.refuse(account, "The request is rejected because an account cannot become a member of itself.");
    } else if (existing != nullptr && !(left && enrolls)) {
      batch.refuse(account,
                   "The request is rejected because the given account ID is already a member or associated "
                   "member of the current account.");
    } else if (existing == nullptr && members >= allowed) {
      batch.refuse(account,
                   "The request is rejected because the current account cannot create anymore members since "
                   "it cannot exceed the maximum number of allowed members.");
    } else {
      const MemberAccount member{.administrator = call.caller.account,
                                 .region = call.region,
                                 .account = account,
                                 .email = email,
                                 .updated_at = call.now};
      if (existing == nullptr) ++members;
      if (!enrolls) {
        batch.changes.push_back(member_change(member));
        continue;
      }
      const auto enrolled = enrollment(call.backend, member, *settings, call.now);
      if (!enrolled) return store_error(enrolled.error(), "accountDetails");
      batch.changes.insert(batch.changes.end(), enrolled->begin(), enrolled->end());
    }
  }
  return std::move(batch).commit(call);
}

Answer get_members(Call& call) {
  const auto accounts = accounts_of_own_detector(call);
  if (!accounts) return std::unexpected(accounts.error());
  AccountBatch batch;
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("members");
  json.begin_array();
  for (const std::string& account : *accounts) {
    const MemberAccount* member = own_member(call, account);
    if (member == nullptr) batch.refuse(account, not_associated);
    if (member != nullptr) write_member(json, *member);
  }
  json.end_array();
  batch.write_unprocessed(json);
  json.end_object();
  return out;
}

Answer list_members(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  bool only_associated = true;
  for (const auto& [name, value] : call.query) {
    if (name != "onlyAssociated") continue;
    const bool is_true = value == "true" || value == "True" || value == "TRUE";
    const bool is_false = value == "false" || value == "False" || value == "FALSE";
    if (!is_true && !is_false) return invalid_parameter("onlyAssociated");
    only_associated = is_true;
  }
  std::vector<const MemberAccount*> members = call.members->of(call.caller.account, call.region);
  // An invitation that waits for its answer counts as associated.
  std::erase_if(members, [&](const MemberAccount* member) {
    return only_associated && !member->associated() && member->relationship != Relationship::invited;
  });
  std::vector<std::string> keys;
  for (const MemberAccount* member : members) keys.push_back(member->account);
  return paged(
      call, "members", keys, [&](JsonWriter& json, std::size_t row) { write_member(json, *members[row]); },
      LastToken::empty);
}

Answer delete_members(Call& call) {
  const auto accounts = accounts_of_own_detector(call);
  if (!accounts) return std::unexpected(accounts.error());
  AccountBatch batch;
  for (const std::string& account : *accounts) {
    const MemberAccount* member = own_member(call, account);
    if (member == nullptr) {
      batch.refuse(account, not_associated);
    } else if (member->associated()) {
      batch.refuse(
          account,
          "The request is rejected because the current account cannot delete the given member account "
          "ID since it is still associated to it.");
    } else {
      batch.changes.push_back(member_removal(*member));
    }
  }
  return std::move(batch).commit(call);
}

Answer invite_members(Call& call) {
  const auto accounts = accounts_of_own_detector(call);
  if (!accounts) return std::unexpected(accounts.error());
  const bool is_member = call.members->association(call.caller.account, call.region) != nullptr;
  AccountBatch batch;
  for (const std::string& account : *accounts) {
    const MemberAccount* member = own_member(call, account);
    if (is_member) {
      batch.refuse(
          account,
          "The request is rejected because the current account cannot invite other accounts since it "
          "is already an associated member of another master account.");
    } else if (account == call.caller.account) {
      batch.refuse(account, "The request is rejected because the current account cannot invite itself.");
    } else if (member == nullptr) {
      batch.refuse(account, "The request is rejected because member account's email address is missing.");
    } else if (member->associated() || member->relationship == Relationship::invited) {
      batch.refuse(
          account,
          "The request is rejected because the current account has already invited or is already the "
          "GuardDuty master of the given member account ID.");
    } else {
      auto id = random_id();
      if (!id) return std::unexpected(id.error());
      MemberAccount invited = *member;
      invited.relationship = Relationship::invited;
      invited.invitation_id = std::move(*id);
      invited.invited_at = invited.updated_at = call.now;
      invited.by_organization = false;
      batch.changes.push_back(member_change(invited));
    }
  }
  return std::move(batch).commit(call);
}

Answer disassociate_members(Call& call) {
  const auto accounts = accounts_of_own_detector(call);
  if (!accounts) return std::unexpected(accounts.error());
  if (const auto ok = require_leaving_allowed(call, *accounts); !ok) return std::unexpected(ok.error());
  AccountBatch batch;
  for (const std::string& account : *accounts) {
    const MemberAccount* member = own_member(call, account);
    if (member == nullptr || !(member->associated() || member->relationship == Relationship::invited)) {
      batch.refuse(account, not_associated);
      continue;
    }
    MemberAccount removed = *member;
    removed.relationship = Relationship::removed;
    removed.invitation_id.clear();
    removed.updated_at = call.now;
    batch.changes.push_back(member_change(removed));
  }
  return std::move(batch).commit(call);
}

Answer start_monitoring_members(Call& call) {
  const auto accounts = accounts_of_own_detector(call);
  if (!accounts) return std::unexpected(accounts.error());
  return set_monitoring(call, *accounts, Relationship::enabled);
}

Answer stop_monitoring_members(Call& call) {
  const auto accounts = accounts_of_own_detector(call);
  if (!accounts) return std::unexpected(accounts.error());
  if (const auto ok = require_leaving_allowed(call, *accounts); !ok) return std::unexpected(ok.error());
  return set_monitoring(call, *accounts, Relationship::disabled);
}

Answer get_member_detectors(Call& call) {
  const auto accounts = accounts_of_own_detector(call);
  if (!accounts) return std::unexpected(accounts.error());
  AccountBatch batch;
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("members");
  json.begin_array();
  for (const std::string& account : *accounts) {
    const MemberAccount* member = own_member(call, account);
    if (member == nullptr || !member->associated()) {
      batch.refuse(account, not_associated);
      continue;
    }
    const auto detector = detector_of(call.backend, account, call.region);
    if (!detector) return store_error(detector.error(), "accountIds");
    const DetectorSettings shown = *detector ? **detector : default_detector(member->updated_at);
    json.begin_object();
    json.member("accountId", account);
    json.key("dataSources");
    write_data_sources(json, shown);
    json.key("features");
    write_features(json, shown, FeatureUse::member);
    json.end_object();
  }
  json.end_array();
  batch.write_unprocessed(json);
  json.end_object();
  return out;
}

Answer update_member_detectors(Call& call) {
  const auto accounts = accounts_of_own_detector(call);
  if (!accounts) return std::unexpected(accounts.error());
  AccountBatch batch;
  for (const std::string& account : *accounts) {
    const MemberAccount* member = own_member(call, account);
    if (member == nullptr || !member->associated()) {
      batch.refuse(account, not_associated);
      continue;
    }
    const auto detector = detector_of(call.backend, account, call.region);
    if (!detector) return store_error(detector.error(), "accountIds");
    DetectorSettings changed = *detector ? **detector : default_detector(call.now);
    apply_data_sources(call.member("dataSources"), changed, call.now);
    if (!apply_features(call.member("features"), changed, call.now)) return invalid_parameters();
    changed.updated_at = call.now;
    batch.changes.push_back(detector_change(account, call.region, changed));
  }
  return std::move(batch).commit(call);
}

}  // namespace picket::api
