#include "api/account_batch.h"

#include <algorithm>

namespace picket::api {

void AccountBatch::write_unprocessed(JsonWriter& json) const {
  json.key("unprocessedAccounts");
  json.begin_array();
  for (const auto& [account, why] : unprocessed) {
    json.begin_object();
    json.member("accountId", account);
    json.member("result", why);
    json.end_object();
  }
  json.end_array();
}

Answer AccountBatch::commit(Call& call) && {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_unprocessed(json);
  json.end_object();
  return call.commit(std::move(changes), std::move(out));
}

std::expected<std::vector<std::string>, ApiError> requested_accounts(const Call& call) {
  std::vector<std::string> out;
  for (std::string& account : call.strings("accountIds")) {
    if (!is_account_id(account)) return out_of_range();
    if (std::ranges::find(out, account) == out.end()) out.push_back(std::move(account));
  }
  return out;
}

}  // namespace picket::api
