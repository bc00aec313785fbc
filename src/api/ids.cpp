#include "api/ids.h"

#include <fmt/ranges.h>

#include <stdexcept>

#include "aws/private_file.h"

namespace picket::api {

std::string new_id() {
  const auto bytes = aws::random_bytes(16);
  if (!bytes) throw std::runtime_error(bytes.error().message());
  const auto* first = reinterpret_cast<const unsigned char*>(bytes->data());
  return fmt::format("{:02x}", fmt::join(first, first + bytes->size(), ""));
}

}  // namespace picket::api
