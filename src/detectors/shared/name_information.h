// How much a queried name can carry to whoever owns its domain.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "event/dns_query.h"

namespace picket::detectors {

struct NameInformation {
  std::string registered;  // the domain that gets it, lower case; empty when the name carries nothing
  std::uint32_t bits = 0;  // of what stands left of it
  bool looks_expanded =
      false;  // "api.vendor.com" below an own domain: a resolver's search list makes such names
};

// Characters times their entropy within the name (Shannon), in bits; escaped bytes count as their text.
// Labels that are bytes of an address (blocklists, reverse look-ups, SPF macros) carry nothing, nor do names
// below infrastructure whose names are long by habit, and names of private zones. Valid until the next call
// on this thread.
const NameInformation& information_of(std::string_view query_name);

// Cheap: false for nearly every ordinary name.
bool may_carry(std::string_view query_name);

}  // namespace picket::detectors
