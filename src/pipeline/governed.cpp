#include "pipeline/governed.h"

#include <algorithm>
#include <memory>

#include "store/members.h"

namespace picket {

Result<GovernedAccounts> governed_accounts(FindingStore& store, std::string administrator_of_all) {
  auto loaded = Members::load(store);
  if (!loaded) return std::unexpected(loaded.error());
  return
      [members = std::make_shared<const Members>(std::move(*loaded)), all = std::move(administrator_of_all)](
          std::string_view account, std::string_view region) -> Accounts {
        if (account == all) return std::nullopt;
        std::vector<std::string> governed = members->associated(account, region);
        governed.emplace_back(account);
        return governed;
      };
}

bool holds(const Accounts& accounts, std::string_view account) {
  return !accounts || std::ranges::binary_search(*accounts, account);
}

void write_accounts(JsonWriter& json, const Accounts& accounts) {
  if (!accounts) return json.null();
  std::vector<std::string> sorted = *accounts;
  std::ranges::sort(sorted);
  json.value(sorted);
}

Accounts read_accounts(const simdjson::dom::element& value) {
  if (value.is_null()) return std::nullopt;
  Accounts accounts(std::in_place);
  for (const std::string_view account : simdjson::dom::array(value)) accounts->emplace_back(account);
  return accounts;
}

}  // namespace picket
