// What the families of calls from listed addresses have in common: which of two purposes a call serves, and
// how old the indicator is.
#pragma once

#include <initializer_list>
#include <optional>

#include "engine/detector.h"

namespace picket::detectors {

// Type indexes of each family: its literal lists UnauthorizedAccess first, Recon second.
enum class CallerPurpose : std::size_t { unauthorized_access, recon };

// Describe, List, Get and their like discover; what changes something or hands out credentials is access.
CallerPurpose purpose_of(const CloudTrailEvent& call);

// Evidence when the call counts for an IAMUser type of listed callers and a hit has one of the categories.
// The type is the call's purpose.
std::optional<Evidence> listed_call(const CloudTrailEvent& call, const Context& context,
                                    std::initializer_list<IntelCategory> categories);

}  // namespace picket::detectors
