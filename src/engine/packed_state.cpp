#include "engine/packed_state.h"

#include <fmt/format.h>
#include <zstd.h>

#include "base/archive.h"
#include "base/hash.h"

namespace picket {

std::string pack_state(const PackedKind& kind, std::uint64_t version, std::string_view state) {
  std::string packed;
  packed.resize_and_overwrite(ZSTD_compressBound(state.size()), [&](char* into, std::size_t most) {
    const std::size_t size = ZSTD_compress(into, most, state.data(), state.size(), 1);
    return ZSTD_isError(size) ? 0 : size;
  });
  std::string bytes(kind.magic);
  Writer head(bytes);
  head(version, static_cast<std::uint64_t>(state.size()), hash64(packed), packed);
  return bytes;
}

Result<std::string> unpack_state(const PackedKind& kind, std::uint64_t version, std::string_view bytes,
                                 std::string_view other_version) {
  if (!bytes.starts_with(kind.magic))
    return fail(ErrorKind::invalid, fmt::format("not a picket {}", kind.what));
  const auto damaged = [&] { return fail(ErrorKind::invalid, fmt::format("the {} is damaged", kind.what)); };
  Reader head(bytes.substr(kind.magic.size()));
  std::uint64_t written = 0, size = 0, checksum = 0;
  std::string packed;
  head(written, size, checksum, packed);
  if (head.failed() || hash64(packed) != checksum) return damaged();
  if (written != version) return fail(ErrorKind::unsupported, std::string(other_version));
  constexpr std::uint64_t state_max = 64ULL << 30;
  if (size > state_max) return damaged();
  std::string state;
  state.resize_and_overwrite(size, [&](char* into, std::size_t most) {
    const std::size_t got = ZSTD_decompress(into, most, packed.data(), packed.size());
    return ZSTD_isError(got) ? 0 : got;
  });
  if (state.size() != size) return damaged();
  return state;
}

}  // namespace picket
