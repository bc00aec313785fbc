// Flow logs: the SIMD and the scalar reader tell the same, in whatever windows the text comes, and every
// record is counted once.
#include <cstdint>
#include <cstdlib>

#include "decode/flow.h"
#include "decode/listing_sink.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  DecodeLimits limits;
  limits.record_bytes_max = 4096;
  const std::size_t window = size == 0 ? 1 : 1 + data[size - 1] * 16UL;
  ListingSink fast, scalar;
  const auto simd_decoder = make_flow_decoder({}, limits, fast, best_flow_split);
  const auto scalar_decoder = make_flow_decoder({}, limits, scalar, FlowSplit::scalar);
  feed_all(*simd_decoder, text, window);
  feed_all(*scalar_decoder, text);
  if (fast.lines != scalar.lines) std::abort();
  if (simd_decoder->records_read() != fast.lines.size()) std::abort();
  return 0;
}
