// What detectors answer with, and what they are told about a record beside the record itself.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "enrich/intel_hit.h"
#include "finding/severity.h"
#include "finding/subject.h"

namespace picket {

class IntelIndex;
struct NameLook;

// The facts that justify a finding, name and value, in the order an analyst wants to read them.
// A value that may be absent is left out when it is.
class Evidence {
 public:
  using Item = std::pair<std::string_view, std::optional<std::string>>;
  Evidence(std::initializer_list<Item> items) {
    for (const Item& item : items) add(item.first, item.second);
  }
  void add(std::string_view name, std::optional<std::string> value) {
    if (value) values.emplace_back(std::string(name), std::move(*value));
  }
  // Which of the detector's types, when it has several.
  Evidence&& as(std::size_t type_index) && {
    type = static_cast<std::uint8_t>(type_index);
    return std::move(*this);
  }
  // Not above this, whatever the type's own; the lowest said counts.
  void at_most(Severity level) { severity_max = std::min(severity_max.value_or(10), number_of(level)); }
  // Another severity than the type's own.
  Evidence&& with(Severity level) && {
    severity = number_of(level);
    return std::move(*this);
  }
  // A refused attempt where only success is a finding: kept beside the findings, never raised.
  Evidence&& as_signal() && {
    signal = true;
    return std::move(*this);
  }

  NamedValues values;
  bool signal = false;
  std::uint8_t type = 0;
  std::optional<double> severity, severity_max;

  double severity_of(double type_severity) const {
    return std::min(severity.value_or(type_severity), severity_max.value_or(10));
  }
};

// Beside the record: what enrichment found. Pure look-ups in loaded tables.
struct Context {
  std::string_view account, region;
  // Indicators of the record's outside address or queried domain; empty when it is trusted.
  std::span<const IntelHit> hits;
  // CloudTrail only: indicators of the access key that signed the call.
  std::span<const IntelHit> key_hits = {};
  // Flow records only: whether the listed address is the source.
  bool listed_is_source = false;
  // DNS only: the answer that is listed, when the name itself is not.
  std::string_view listed_answer = {};
  // DNS only: the queried name without trailing dot and what it says by itself, and the lists themselves.
  std::string_view asked = {};
  const NameLook* look = nullptr;
  const IntelIndex* intel = nullptr;

  bool listed(std::string_view category) const {
    for (const IntelHit& hit : hits) {
      if (to_string(hit.indicator->category) == category) return true;
    }
    return false;
  }
};

}  // namespace picket
