// Calls about several accounts: each is done or told in unprocessedAccounts with GuardDuty's sentence.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/call.h"
#include "base/json_writer.h"

namespace picket::api {

struct AccountBatch {
  std::vector<SettingChange> changes;
  std::vector<std::pair<std::string, std::string>> unprocessed;  // account and why

  void refuse(const std::string& account, std::string_view why) { unprocessed.emplace_back(account, why); }
  void write_unprocessed(JsonWriter& json) const;  // the member unprocessedAccounts
  // Makes the changes and answers {"unprocessedAccounts": …}.
  Answer commit(Call& call) &&;
};

// accountIds of the request, each once.
std::expected<std::vector<std::string>, ApiError> requested_accounts(const Call& call);

// Sentences that several operations share.
constexpr std::string_view not_associated =
    "The request is rejected because the given account ID is not an associated member of account the current "
    "account.";
constexpr std::string_view no_pending_invitation =
    "The request is rejected because the current account has no pending invitation from the given master "
    "account ID or is already an associated member of another master account.";

}  // namespace picket::api
