// FindingCriteria: which findings a list, a statistic or a filter means. Attributes are ANDed; within
// equals any value suffices, within notEquals none may occur. A path through arrays matches when any
// element does; an absent attribute equals nothing and differs from everything. Severity equals in whole
// steps ("7" takes 7.0-7.9) and compares by its number otherwise.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/attributes.h"

namespace picket {

struct FindingRow;

struct Condition {
  AttributeId attribute = 0;
  std::vector<std::string> equals;      // canonical values
  std::vector<std::string> not_equals;  // canonical values
  std::vector<std::string> matches;     // wildcards: * any run, ? one character
  std::vector<std::string> not_matches;
  // Bounds of one element; an infinite one is absent. Times in epoch milliseconds.
  double above = -std::numeric_limits<double>::infinity();
  double below = std::numeric_limits<double>::infinity();
  bool above_inclusive = false, below_inclusive = false;

  bool has_range() const {
    return above != -std::numeric_limits<double>::infinity() ||
           below != std::numeric_limits<double>::infinity();
  }
};

struct Criteria {
  std::vector<Condition> conditions;  // at most 50, one an attribute, sorted by it; empty means every finding
};

enum class CriteriaUse : unsigned char {
  list,    // ListFindings, GetFindingsStatistics: no wildcards
  filter,  // CreateFilter, UpdateFilter
};

// Reads a FindingCriteria object, {"criterion": {"severity": {"gte": 7}}}; an empty text, null, {} and a
// null or empty criterion mean every finding. The old names (eq, neq, gt, …) and the new ones (equals, …)
// mean the same; when both are there, lists are united and the narrower bound counts. An unknown
// attribute or condition, a wrong type or a limit passed is ErrorKind::invalid; `where` names the attribute.
Result<Criteria> parse_criteria(std::string_view json, CriteriaUse use = CriteriaUse::list);

// Whether a new finding (not archived, no feedback) meets the criteria, without a store: for filters that
// archive at birth. A document that is no JSON is ErrorKind::invalid.
Result<bool> matches(const Criteria& criteria, const FindingRow& row);

}  // namespace picket
