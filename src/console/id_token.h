// ID tokens of OpenID Connect (Core 1.0, section 3.1.3.7). Signatures are libjose's work.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace picket::console {

struct IdTokenExpected {
  std::string issuer, client_id, nonce;
  bool renewed = false;  // of a token that came for another one: it need not name the sign-in
  TimeMs now = 0;
  TimeMs skew = 5 * minute_ms;  // that the provider's clock may differ
};

// The token's claims, a JSON object, when one of the keys (a JWK set) signed it with an asymmetric algorithm
// and it is meant for this client and this sign-in, now. `not_found`: the set lacks the key, so that newer
// keys may help; `invalid`: it is no token to believe, and why.
Result<std::string> verified_claims(std::string_view token, std::string_view keys,
                                    const IdTokenExpected& expected);

}  // namespace picket::console
