// What S3 says of its objects through a queue: its own events, wrapped by SNS or not, and EventBridge's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace picket {

struct AnnouncedObject {
  std::string bucket, key, etag;  // the key decoded
};

struct Notification {
  std::vector<AnnouncedObject> objects;  // that were made; what was removed is left out
  std::vector<std::string> buckets;      // of every object it tells of, removed ones too
  bool test = false;                     // S3's message that notifications were switched on
};

// Nothing when the message is none of these, or names an object without its entity tag.
std::optional<Notification> read_notification(std::string_view message);

}  // namespace picket
