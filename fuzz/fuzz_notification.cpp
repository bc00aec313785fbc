// What comes out of a queue or a bucket's listing is written by others: it is read or it is not, whatever the
// text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aws/role_key.h"
#include "aws/s3.h"
#include "aws/sqs.h"
#include "source/notification.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto told = read_notification(text)) {
    if (told->objects.size() > told->buckets.size()) std::abort();
    for (const AnnouncedObject& object : told->objects)
      if (object.bucket.empty() || object.key.empty()) std::abort();
  }
  if (const auto page = aws::parse_page(text)) {
    for (const aws::S3Object& object : page->objects)
      if (object.key.empty() || object.etag.empty()) std::abort();
  }
  static_cast<void>(aws::parse_messages(text));
  if (const auto assumed = aws::parse_assumed_key(text); assumed && assumed->key.session_token.empty())
    std::abort();
  return 0;
}
