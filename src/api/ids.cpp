#include "api/ids.h"

#include <fmt/ranges.h>
#include <sys/random.h>

#include <array>
#include <stdexcept>

namespace picket::api {

std::string new_id() {
  std::array<unsigned char, 16> bytes{};
  // Never fails for so few bytes once the kernel's pool is ready.
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("no random bytes for an id");
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

}  // namespace picket::api
