#include "pipeline/suppressions.h"

#include <simdjson.h>

#include "base/json_writer.h"
#include "store/filters.h"

namespace picket {

using simdjson::dom::element;

Result<std::string> filters_body(FindingStore& store, const GovernedAccounts& governed) {
  const auto filters = load_filters(store);
  if (!filters) return std::unexpected(filters.error());
  std::string body;
  JsonWriter json(body);
  json.begin_array();
  for (const FilterSettings& filter : *filters) {
    if (filter.action != "ARCHIVE") continue;
    json.begin_object();
    json.member("account", filter.account);
    json.member("region", filter.region);
    json.key("accounts");
    write_accounts(json, governed(filter.account, filter.region));
    json.member("name", filter.name);
    json.member("criteria", filter.finding_criteria);
    if (const auto expires = expiry_of(filter)) json.member("expires", *expires);
    json.end_object();
  }
  json.end_array();
  return body;
}

Result<Suppressions> Suppressions::read(std::string_view body, std::vector<std::string>& warnings) try {
  simdjson::dom::parser parser;
  Suppressions out;
  for (const element row : simdjson::dom::array(parser.parse(body.data(), body.size()))) {
    auto criteria = parse_criteria(std::string_view(row["criteria"]), CriteriaUse::filter);
    if (!criteria) {
      warnings.push_back("filter \"" + std::string(std::string_view(row["name"])) +
                         "\" left out: " + criteria.error().message());
      continue;
    }
    std::optional<TimeMs> expires;
    if (const auto member = row["expires"]; member.error() != simdjson::NO_SUCH_FIELD)
      expires = std::int64_t(member);
    out.filters_.push_back({std::string(std::string_view(row["region"])), read_accounts(row["accounts"]),
                            std::move(*criteria), expires});
  }
  return out;
} catch (const simdjson::simdjson_error& error) {
  return fail(ErrorKind::invalid,
              std::string("the control record of filters cannot be read: ") + error.what());
}

Result<bool> Suppressions::cover(const FindingRow& row) const {
  for (const Filter& filter : filters_) {
    if (filter.expires && row.created_at >= *filter.expires) continue;
    if (filter.region != row.region || !holds(filter.accounts, row.account)) continue;
    const auto matched = matches(filter.criteria, row);
    if (!matched || *matched) return matched;
  }
  return false;
}

}  // namespace picket
