// The attribute paths by which GuardDuty's findings can be filtered and sorted, and what a finding's
// document holds there. One fixed table; every criterion, column and page token names an attribute by its
// index in it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace picket {

enum class AttributeKind : std::uint8_t {
  text,
  number,
  boolean,
  time,  // ISO 8601 text or epoch seconds in the document, epoch milliseconds in criteria
};

struct Attribute {
  std::string_view path;  // as in criteria: "resource.instanceDetails.tags.key"
  AttributeKind kind;
  bool in_list_findings;  // one of the 49 that ListFindings documents; CreateFilter takes all
};

using AttributeId = std::uint16_t;

std::span<const Attribute> filterable_attributes();  // sorted by path
std::optional<AttributeId> find_attribute(std::string_view path);

// Attributes that come from a finding's row or from what users own, never from the document's text.
namespace attribute {
AttributeId account();
AttributeId region();
AttributeId id();
AttributeId type();
AttributeId severity();
AttributeId created_at();
AttributeId updated_at();
AttributeId archived();
AttributeId count();
AttributeId first_seen();
AttributeId last_seen();
AttributeId detector_id();
AttributeId user_feedback();
}  // namespace attribute
bool is_row_attribute(AttributeId id);

// The form in which values are stored and compared, so that "7", 7 and 7.0 are one value of a number and
// an ISO time and its milliseconds are one time. Text that does not fit the kind stays as it is.
std::string canonical_value(AttributeKind kind, std::string_view text);

// Calls `emit` with each filterable value of a finding's document, arrays element by element, in document
// order. service.additionalInfo.value, when it is a JSON object in a string as the API has it, is read as if
// spelled out (and is then no value itself: it would be most of the document).
// Member names match without regard to case: the paths and the finding's JSON differ in a few.
// Fails when the text is no JSON object.
Result<void> flatten_document(std::string_view json,
                              const std::function<void(AttributeId, std::string_view canonical)>& emit);

}  // namespace picket
