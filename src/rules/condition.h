// The language of AWS's custom detection rules: SQL conditions over one CloudTrail record, read into a
// predicate. docs/custom-rules.md is its reference.
//
//   eventSource = 'iam.amazonaws.com' AND eventName IN ('CreateUser', 'CreateRole')
//   AND get_json_object(requestParameters, '$.tags[*].key') NOT LIKE 'team-%' AND errorCode IS NULL
//
// An operand may have any number of values: a comparison holds when one of them passes it, also the negative
// ones (<>, NOT IN, NOT LIKE). Without a value every comparison fails; IS NULL asks for that. Text is
// compared as it is written, case included.
#pragma once

#include <string_view>

#include "base/result.h"
#include "rules/predicate.h"

namespace picket::rules {

// Errors tell the line and column.
Result<Predicate> parse_condition(std::string_view text);

}  // namespace picket::rules
