// Locations of lists and destinations come from clients: places are named or not, whatever the text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aws/s3.h"
#include "store/publishing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string_view endpoint : {"", "https://minio.example:9000"}) {
    const auto place = picket::aws::parse_s3_url(text, endpoint);
    if (place &&
        (place->bucket.empty() || place->key.empty() || place->bucket.find('/') != std::string::npos))
      std::abort();
  }
  const auto bucket = picket::parse_bucket_arn(text);
  if (bucket && (bucket->bucket.find('/') != std::string::npos || bucket->prefix.starts_with('/')))
    std::abort();
  return 0;
}
