// Control record "filters": the filters that archive what they match when it is raised, in the order of their
// ranks: [{"account", "region", "accounts", "name", "criteria", "expires"}]. One that expires covers what was
// raised by records of before: event time, so that a replay archives the same.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/governed.h"
#include "store/criteria.h"
#include "store/finding_store.h"

namespace picket {

Result<std::string> filters_body(FindingStore& store, const GovernedAccounts& governed);

class Suppressions {
 public:
  // A filter that cannot be read is left out and told in `warnings`.
  static Result<Suppressions> read(std::string_view body, std::vector<std::string>& warnings);

  // Whether a filter archives this new finding. `row.document` must be a JSON object.
  Result<bool> cover(const FindingRow& row) const;

 private:
  struct Filter {
    std::string region;
    Accounts accounts;
    Criteria criteria;
    std::optional<TimeMs> expires;
  };
  std::vector<Filter> filters_;
};

}  // namespace picket
