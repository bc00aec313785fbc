#include "base/gzip.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <vector>

namespace picket {

std::string gzip(std::string_view text) {
  constexpr std::size_t piece = 64U << 10;
  const auto stream = std::make_unique<isal_zstream>();
  std::vector<std::uint8_t> work(ISAL_DEF_LVL1_DEFAULT), out(piece);
  isal_deflate_init(stream.get());
  stream->level = 1;
  stream->level_buf = work.data();
  stream->level_buf_size = static_cast<std::uint32_t>(work.size());
  stream->gzip_flag = IGZIP_GZIP;
  std::string packed;
  do {
    const std::size_t taken =
        std::min<std::size_t>(text.size(), std::numeric_limits<std::uint32_t>::max() / 2);
    if (stream->avail_in == 0) {
      // isal_deflate does not write to its input.
      stream->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
      stream->avail_in = static_cast<std::uint32_t>(taken);
      text.remove_prefix(taken);
      stream->end_of_stream = text.empty() ? 1 : 0;
    }
    stream->next_out = out.data();
    stream->avail_out = static_cast<std::uint32_t>(out.size());
    if (isal_deflate(stream.get()) != COMP_OK) throw std::runtime_error("gzip failed");
    packed.append(reinterpret_cast<const char*>(out.data()), out.size() - stream->avail_out);
  } while (stream->internal_state.state != ZSTATE_END);
  return packed;
}

}  // namespace picket
