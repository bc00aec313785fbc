// What became of a finding, for those who are told.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace picket {

enum class FindingChange : std::uint8_t {
  created,
  updated,
  // It does not hold any more: what was told provisionally turned out otherwise, or other records took a
  // window back.
  withdrawn,
};

constexpr std::string_view word_of(FindingChange change) {
  switch (change) {
    case FindingChange::created:
      return "new";
    case FindingChange::updated:
      return "update";
    case FindingChange::withdrawn:
      return "withdrawn";
  }
  return {};
}

constexpr std::optional<FindingChange> parse_change(std::string_view word) {
  for (const auto change : {FindingChange::created, FindingChange::updated, FindingChange::withdrawn})
    if (word == word_of(change)) return change;
  return std::nullopt;
}

}  // namespace picket
