// What a detector's own select wrote into an ordered row.
#pragma once

#include <string>
#include <string_view>

#include "engine/detector.h"

namespace picket::detectors {

// Null when the row has none of that name.
inline const std::string* value_of(const Candidate& row, std::string_view name) {
  for (const auto& [key, value] : row.evidence) {
    if (key == name) return &value;
  }
  return nullptr;
}
// Empty when the row has none.
inline std::string_view text_of(const Candidate& row, std::string_view name) {
  const std::string* value = value_of(row, name);
  return value == nullptr ? std::string_view{} : *value;
}

}  // namespace picket::detectors
