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

std::string new_request_id() {
  std::string id = new_id();
  id[12] = '4';
  id[16] = "89ab"[static_cast<unsigned char>(id[16]) % 4];
  for (const std::size_t at : {20U, 16U, 12U, 8U}) id.insert(at, 1, '-');
  return id;
}

}  // namespace picket::api
