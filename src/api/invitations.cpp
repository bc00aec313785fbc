// The member's side of membership, each in the old and the new spelling: AcceptAdministratorInvitation
// (AcceptInvitation), GetAdministratorAccount (GetMasterAccount), DisassociateFromAdministratorAccount
// (DisassociateFromMasterAccount), and ListInvitations, GetInvitationsCount, DeclineInvitations,
// DeleteInvitations.
#include <algorithm>

#include "api/account_batch.h"
#include "api/handlers.h"
#include "api/organization.h"
#include "api/paging.h"

namespace picket::api {

namespace {

const MemberAccount* invitation_from(const Call& call, std::string_view administrator) {
  const MemberAccount* member = call.members->find(administrator, call.region, call.caller.account);
  return member != nullptr && !member->invitation_id.empty() ? member : nullptr;
}

void write_invitation(JsonWriter& json, const MemberAccount& member) {
  json.begin_object();
  json.member("accountId", member.administrator);
  if (!member.invitation_id.empty()) json.member("invitationId", member.invitation_id);
  json.member("relationshipStatus", name_of(member.relationship));
  if (member.invited_at != 0) json.member("invitedAt", format_time(member.invited_at));
  json.end_object();
}

Answer accept(Call& call, std::string_view administrator, std::string_view invitation_id) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  if (call.members->association(call.caller.account, call.region) != nullptr)
    return bad_request(
        "The request is rejected because the current account cannot accept invitations since it is already "
        "an "
        "associated member of some master account.");
  if (!call.members->of(call.caller.account, call.region).empty())
    return bad_request(
        "The request is rejected because the current account cannot accept invitations since it still has "
        "created, invited or associated members.");
  const MemberAccount* invitation = invitation_from(call, administrator);
  if (invitation == nullptr || invitation->relationship != Relationship::invited ||
      invitation->invitation_id != invitation_id)
    return bad_request(std::string(no_pending_invitation));
  if (call.members->association(administrator, call.region) != nullptr)
    return bad_request(
        "The request is rejected because the current account cannot accept invitation from the given account "
        "ID since the latter is an associated member of another master account.");
  MemberAccount accepted = *invitation;
  accepted.relationship = Relationship::enabled;
  accepted.updated_at = call.now;
  return call.commit({member_change(accepted)}, "{}");
}

// Without an administrator the answer has none: that is what clients look for.
Answer administrator_of(Call& call, std::string_view name) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  if (const MemberAccount* association = call.members->association(call.caller.account, call.region)) {
    json.key(name);
    write_invitation(json, *association);
  }
  json.end_object();
  return out;
}

}  // namespace

Answer accept_administrator_invitation(Call& call) {
  return accept(call, *call.text("administratorId"), *call.text("invitationId"));
}

Answer accept_invitation(Call& call) {
  return accept(call, *call.text("masterId"), *call.text("invitationId"));
}

Answer get_administrator_account(Call& call) { return administrator_of(call, "administrator"); }

Answer get_master_account(Call& call) { return administrator_of(call, "master"); }

Answer disassociate_from_administrator_account(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const MemberAccount* association = call.members->association(call.caller.account, call.region);
  if (association == nullptr)
    return bad_request(
        "The request is rejected because the current account is not associated to any master account.");
  if (association->by_organization) {
    const auto settings = load_organization_settings(call.store(), association->administrator, call.region);
    if (!settings) return store_error(settings.error(), "detectorId");
    if (settings->members == AutoEnable::all) return auto_enable_holds();
  }
  MemberAccount resigned = *association;
  resigned.relationship = Relationship::resigned;
  resigned.invitation_id.clear();
  resigned.updated_at = call.now;
  return call.commit({member_change(resigned)}, "{}");
}

Answer list_invitations(Call& call) {
  const std::vector<const MemberAccount*> invitations =
      call.members->invitations(call.caller.account, call.region);
  std::vector<std::string> keys;
  for (const MemberAccount* invitation : invitations) keys.push_back(invitation->administrator);
  return paged(
      call, "invitations", keys,
      [&](JsonWriter& json, std::size_t row) { write_invitation(json, *invitations[row]); },
      LastToken::empty);
}

// The one that was accepted does not count.
Answer get_invitations_count(Call& call) {
  const auto invitations = call.members->invitations(call.caller.account, call.region);
  const auto count =
      std::ranges::count_if(invitations, [](const MemberAccount* m) { return !m->associated(); });
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("invitationsCount", count);
  json.end_object();
  return out;
}

Answer decline_invitations(Call& call) {
  const auto accounts = requested_accounts(call);
  if (!accounts) return std::unexpected(accounts.error());
  AccountBatch batch;
  for (const std::string& account : *accounts) {
    const MemberAccount* invitation = invitation_from(call, account);
    if (invitation == nullptr || invitation->relationship != Relationship::invited) {
      batch.refuse(account, no_pending_invitation);
      continue;
    }
    MemberAccount declined = *invitation;
    declined.relationship = Relationship::resigned;
    declined.updated_at = call.now;
    batch.changes.push_back(member_change(declined));
  }
  return std::move(batch).commit(call);
}

Answer delete_invitations(Call& call) {
  const auto accounts = requested_accounts(call);
  if (!accounts) return std::unexpected(accounts.error());
  AccountBatch batch;
  for (const std::string& account : *accounts) {
    const MemberAccount* invitation = invitation_from(call, account);
    if (invitation == nullptr || invitation->associated() ||
        invitation->relationship == Relationship::invited) {
      batch.refuse(
          account,
          "The request is rejected because the current account cannot delete the invitation from the "
          "given master account ID since it is still associated to it or has not declined the "
          "invitation yet.");
      continue;
    }
    MemberAccount without = *invitation;
    without.invitation_id.clear();
    batch.changes.push_back(member_change(without));
  }
  return std::move(batch).commit(call);
}

}  // namespace picket::api
