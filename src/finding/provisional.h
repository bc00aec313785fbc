// Evidence of a detection that rests on records as they came, before their order in time is sure. It goes
// when they have been judged in order, or the finding does.
#pragma once

#include <string_view>

namespace picket {

constexpr std::string_view provisional_evidence = "provisional";

}  // namespace picket
