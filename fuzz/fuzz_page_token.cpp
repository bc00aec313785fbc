// Page tokens come back from clients: a token is refused, or it is the one that we would write.
#include <cstdint>
#include <cstdlib>

#include "store/page_token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string_view token(reinterpret_cast<const char*>(data), size);
  const Sort sort{};
  const auto position = read_page_token(sort, token);
  if (position && write_page_token(sort, *position) != token) std::abort();
  return 0;
}
