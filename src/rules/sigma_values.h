// Values of a Sigma rule with their modifiers ("field|contains|all") as tests.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rules/predicate.h"

namespace picket::rules {

// What "FIELD|MODIFIER|…" of a detection asks of the values behind it (std::nullopt: null).
Result<Predicate> sigma_item(std::string_view key, const std::vector<std::optional<std::string>>& values);

// A keyword: searched in the whole record.
Result<Predicate> sigma_keyword(const std::string& value);

}  // namespace picket::rules
