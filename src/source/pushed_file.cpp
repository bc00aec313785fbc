#include "source/pushed_file.h"

#include <cstring>
#include <filesystem>
#include <string_view>

#include "base/archive.h"
#include "source/file_source.h"

namespace picket {

namespace {

constexpr std::size_t head_bytes_max = 64U << 10;

}  // namespace

std::string pushed_head(const PushedObject& object) {
  std::string head(sizeof(std::uint32_t), '\0');
  Writer out(head);
  out(object);
  const auto size = static_cast<std::uint32_t>(head.size() - sizeof(std::uint32_t));
  std::memcpy(head.data(), &size, sizeof size);
  return head;
}

Result<PushedObject> read_pushed_head(const std::string& file) {
  std::uint32_t size = 0;
  const std::string text = read_at(file, 0, head_bytes_max);
  PushedObject object;
  if (text.size() >= sizeof size) std::memcpy(&size, text.data(), sizeof size);
  if (size == 0 || size > text.size() - sizeof size)
    return fail(ErrorKind::invalid, "no pushed object", file);
  Reader in(std::string_view(text).substr(sizeof size, size));
  in(object);
  std::error_code error;
  object.offset = sizeof size + size;
  if (in.failed() || !in.at_end() || std::filesystem::file_size(file, error) != object.offset + object.size ||
      error)
    return fail(ErrorKind::invalid, "no pushed object", file);
  return object;
}

}  // namespace picket
