// One condition, ready to be asked about values. What an element of an attribute meets is a set of flags;
// the flags of all elements together decide.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "store/criteria.h"

namespace picket {

struct FindingRow;

// A value that a finding's row holds: text, or a number (times in milliseconds).
using RowValue = std::variant<std::string_view, double>;
// Of a new finding: not archived, without feedback. `id` must be a row attribute.
RowValue row_value(const FindingRow& row, AttributeId id);

// The number a canonical value spells, or NaN.
double number_of(std::string_view canonical);

class ConditionMatcher {
 public:
  // Refers to `condition`, which must outlive it.
  explicit ConditionMatcher(const Condition& condition);

  unsigned text_flags(std::string_view canonical) const {
    return text_flags(canonical, number_of(canonical));
  }
  unsigned text_flags(std::string_view canonical, double number) const;
  unsigned number_flags(double number) const;  // for row attributes that are numbers or times
  unsigned value_flags(const RowValue& value) const;
  // Of the flags of all elements, united; 0 when the attribute is absent.
  bool passes(unsigned flags) const {
    return (flags & required_) == required_ && (flags & (not_equal | not_matching)) == 0;
  }
  const Condition& condition() const { return *condition_; }

 private:
  enum : unsigned { equal = 1, in_range = 2, matching = 4, not_equal = 8, not_matching = 16 };
  unsigned range_flags(double number) const;
  unsigned pattern_flags(std::string_view canonical, double number) const;

  const Condition* condition_;
  AttributeKind kind_;
  bool whole_steps_;
  std::vector<double> equals_, not_equals_;
  unsigned required_ = 0;
};

}  // namespace picket
