// By which ids the norms of calls and requests are kept (state/rarity.h), for who learns and who looks up.
#pragma once

#include <string_view>

#include "base/hash.h"
#include "state/rarity.h"

namespace picket {

// `place`: the account of AWS's callers, the cluster of its users.
inline Act act_of(std::string_view principal_key, std::string_view place, std::string_view account) {
  Act act;
  act.principal = hash64(principal_key, hash64(place, hash64(account)));
  act.account = hash64(place, hash64(account, 1));
  return act;
}

}  // namespace picket
