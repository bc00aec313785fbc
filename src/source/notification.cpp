#include "source/notification.h"

#include <algorithm>

#include "aws/s3.h"
#include "aws/sigv4.h"
#include "event/raw_json.h"

namespace picket {

namespace {

using Element = simdjson::dom::element;

std::string_view text_at(const Element& element, std::string_view pointer) {
  std::string_view text;
  return element.at_pointer(pointer).get(text) == simdjson::SUCCESS ? text : std::string_view();
}

bool take(Notification& into, bool made, std::string_view bucket, std::string key, std::string_view etag) {
  if (bucket.empty() || key.empty() || (made && etag.empty())) return false;
  into.buckets.emplace_back(bucket);
  if (made) into.objects.push_back({std::string(bucket), std::move(key), aws::etag_of(etag)});
  return true;
}

// In S3's own events "+" is a blank.
std::string decoded(std::string_view key) {
  std::string plain(key);
  std::ranges::replace(plain, '+', ' ');
  return aws::uri_decode(plain);
}

std::optional<Notification> read(std::string_view message, bool unwrapped) {
  const JsonDocument document(message);
  const auto root = document.root();
  if (!root || !root->is_object()) return std::nullopt;
  Notification out;
  simdjson::dom::array records;
  if ((*root)["Records"].get(records) == simdjson::SUCCESS) {
    for (const Element record : records) {
      const std::string_view name = text_at(record, "/eventName");
      if (text_at(record, "/eventSource") != "aws:s3" && !text_at(record, "/eventSource").ends_with(":s3"))
        return std::nullopt;
      if (!take(out, name.find("ObjectCreated:") != std::string_view::npos,
                text_at(record, "/s3/bucket/name"), decoded(text_at(record, "/s3/object/key")),
                text_at(record, "/s3/object/eTag")))
        return std::nullopt;
    }
    return out;
  }
  if (text_at(*root, "/Event") == "s3:TestEvent") {
    out.test = true;
    out.buckets.emplace_back(text_at(*root, "/Bucket"));
    return out;
  }
  if (text_at(*root, "/source") == "aws.s3") {
    if (!take(out, text_at(*root, "/detail-type") == "Object Created", text_at(*root, "/detail/bucket/name"),
              std::string(text_at(*root, "/detail/object/key")), text_at(*root, "/detail/object/etag")))
      return std::nullopt;
    return out;
  }
  if (!unwrapped && text_at(*root, "/Type") == "Notification") return read(text_at(*root, "/Message"), true);
  return std::nullopt;
}

}  // namespace

std::optional<Notification> read_notification(std::string_view message) { return read(message, false); }

}  // namespace picket
