// Registered domains as they are asked for, in letters of any script: whatever stands there, one is told or
// none, and no domain imitates itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "enrich/look_alikes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string name(reinterpret_cast<const char*>(data), size);
  static const LookAlikes built_in;
  if (const auto found = built_in.of(name)) {
    if (found->imitated == name || text_of(found->how).empty()) std::abort();
  }
  const std::vector<std::string> own = {name};
  if (LookAlikes(own).of(name)) std::abort();
  if (const auto decoded = decode_punycode(name)) {
    if (decoded->size() > size) std::abort();
  }
  return 0;
}
