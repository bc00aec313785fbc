#include "store/condition_matcher.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "base/time.h"
#include "store/finding_store.h"

namespace picket {

double number_of(std::string_view canonical) {
  double number = 0;
  const char* const end = canonical.data() + canonical.size();
  const auto read = std::from_chars(canonical.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end || !std::isfinite(number))
    return std::numeric_limits<double>::quiet_NaN();
  return number;
}

RowValue row_value(const FindingRow& row, AttributeId id) {
  if (id == attribute::account()) return row.account;
  if (id == attribute::region()) return row.region;
  if (id == attribute::id()) return row.id;
  if (id == attribute::type()) return row.type;
  if (id == attribute::detector_id()) return row.detector_id;
  if (id == attribute::severity()) return row.severity;
  if (id == attribute::count()) return static_cast<double>(row.count);
  if (id == attribute::created_at()) return static_cast<double>(row.created_at);
  if (id == attribute::updated_at()) return static_cast<double>(row.updated_at);
  if (id == attribute::first_seen()) return static_cast<double>(row.first_seen);
  if (id == attribute::last_seen()) return static_cast<double>(row.last_seen);
  if (id == attribute::archived()) return "false";
  return "";
}

ConditionMatcher::ConditionMatcher(const Condition& condition)
    : condition_(&condition),
      kind_(filterable_attributes()[condition.attribute].kind),
      whole_steps_(condition.attribute == attribute::severity()) {
  const auto numbers = [&](const std::vector<std::string>& values) {
    std::vector<double> out;
    for (const std::string& value : values) {
      const double number = number_of(value);
      if (!std::isnan(number)) out.push_back(whole_steps_ ? std::floor(number) : number);
    }
    return out;
  };
  equals_ = numbers(condition.equals);
  not_equals_ = numbers(condition.not_equals);
  if (!condition.equals.empty()) required_ |= equal;
  if (!condition.matches.empty()) required_ |= matching;
  if (condition.has_range()) required_ |= in_range;
}

unsigned ConditionMatcher::range_flags(double number) const {
  const Condition& c = *condition_;
  if (std::isnan(number)) return 0;
  const bool above = number > c.above || (c.above_inclusive && number == c.above) || std::isinf(c.above);
  const bool below = number < c.below || (c.below_inclusive && number == c.below) || std::isinf(c.below);
  return above && below ? in_range : 0U;
}

unsigned ConditionMatcher::pattern_flags(std::string_view canonical, double number) const {
  if (condition_->matches.empty() && condition_->not_matches.empty()) return 0;
  std::string time;
  // Patterns are written for times as people see them.
  if (kind_ == AttributeKind::time && std::abs(number) < 2.5e14) {
    time = format_time(static_cast<TimeMs>(number));
    canonical = time;
  }
  const auto fits = [&](const std::string& pattern) { return wildcard_match(pattern, canonical); };
  return (std::ranges::any_of(condition_->matches, fits) ? matching : 0U) |
         (std::ranges::any_of(condition_->not_matches, fits) ? not_matching : 0U);
}

unsigned ConditionMatcher::text_flags(std::string_view canonical, double number) const {
  const auto among = [&](const std::vector<std::string>& values) {
    return std::ranges::find(values, canonical) != values.end();
  };
  return (among(condition_->equals) ? equal : 0U) | (among(condition_->not_equals) ? not_equal : 0U) |
         range_flags(number) | pattern_flags(canonical, number);
}

unsigned ConditionMatcher::number_flags(double number) const {
  const double step = whole_steps_ ? std::floor(number) : number;
  const auto among = [&](const std::vector<double>& values) {
    return std::ranges::find(values, step) != values.end();
  };
  unsigned flags =
      (among(equals_) ? equal : 0U) | (among(not_equals_) ? not_equal : 0U) | range_flags(number);
  if (!condition_->matches.empty() || !condition_->not_matches.empty()) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, number).ptr;
    flags |= pattern_flags({text, static_cast<std::size_t>(end - text)}, number);
  }
  return flags;
}

unsigned ConditionMatcher::value_flags(const RowValue& value) const {
  if (const auto* number = std::get_if<double>(&value)) return number_flags(*number);
  const std::string_view text = std::get<std::string_view>(value);
  return text.empty() ? 0 : text_flags(text);
}

}  // namespace picket
