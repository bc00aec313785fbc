// Resolver query logs: any text, in any windows, is read to its end and every record is counted once.
#include <cstdint>
#include <cstdlib>

#include "decode/listing_sink.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  DecodeLimits limits;
  limits.record_bytes_max = 4096;
  for (const std::size_t window : {size == 0 ? 1 : 1 + data[size - 1] * 16UL, std::size_t{1} << 18}) {
    ListingSink sink;
    const auto decoder = make_dns_decoder({}, limits, sink);
    feed_all(*decoder, text, window);
    if (decoder->records_read() != sink.lines.size()) std::abort();
  }
  return 0;
}
