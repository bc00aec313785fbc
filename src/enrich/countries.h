// Names of countries, for databases that tell codes only.
#pragma once

#include <string_view>

namespace picket {

// English name of an ISO 3166-1 alpha-2 code in capitals; empty when there is none.
std::string_view country_name(std::string_view code);

}  // namespace picket
