// Whose records and findings the lists, filters and destinations of an account hold for in a Region: its own
// and its members'. In control records: a sorted array of accounts, or null for everyone's.
#pragma once

#include <simdjson.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "store/finding_store.h"

namespace picket {

using Accounts = std::optional<std::vector<std::string>>;  // sorted; absent: every account
using GovernedAccounts = std::function<Accounts(std::string_view account, std::string_view region)>;

// As the members are now. The administrator of all, which may be empty, governs every account.
Result<GovernedAccounts> governed_accounts(FindingStore& store, std::string administrator_of_all);

bool holds(const Accounts& accounts, std::string_view account);
void write_accounts(JsonWriter& json, const Accounts& accounts);
// Throws simdjson_error where the value is not what write_accounts makes.
Accounts read_accounts(const simdjson::dom::element& value);

}  // namespace picket
