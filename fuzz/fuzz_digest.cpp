// A digest file, the metadata of its object, or a list of public keys. What was read is checked as a chain
// would be.
#include <cstdint>
#include <cstdlib>

#include "integrity/digest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket::integrity;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  PublicKeys keys;
  static_cast<void>(keys.add(text, "fuzz"));
  if (const auto metadata = parse_metadata(text); metadata && metadata->signature.empty()) std::abort();
  const auto digest = parse_digest(text);
  if (!digest) return 0;
  if (digest->key.empty() || digest->bucket.empty()) std::abort();
  // Nothing that was made up is proven.
  if (keys.verify(digest->fingerprint, signed_text(*digest, "00"), digest->previous_signature) ==
      PublicKeys::Answer::valid)
    std::abort();
  return 0;
}
