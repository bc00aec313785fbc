// Evidence of a detection that rests on records as they came, before their order in time is sure. It goes
// when they have been judged in order, or the finding does.
#pragma once

#include <string_view>

namespace picket {

constexpr std::string_view provisional_evidence = "provisional";
// In its place when they never will be, because an upgrade could not read what waited: the finding stays as
// it was told, for the records were seen, and nothing that acts by itself takes it for sure.
constexpr std::string_view unordered_evidence = "never_judged_in_order";

}  // namespace picket
