// ID tokens beside a provider's keys: the keys, a line break, the token. None of them is for this sign-in,
// whose nonce nobody knows, so that none is believed.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "console/id_token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return 0;
  const auto claims = console::verified_claims(text.substr(end + 1), text.substr(0, end),
                                               {.issuer = "https://idp.example.com",
                                                .client_id = "picket",
                                                .nonce = "3f1b",
                                                .now = 1'800'000'000'000});
  if (claims) std::abort();
  return 0;
}
