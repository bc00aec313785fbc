// TagResource, UntagResource, ListTagsForResource. Detectors are what can be tagged so far.
#include <vector>

#include "api/handlers.h"
#include "base/json_writer.h"
#include "finding/detector_id.h"

namespace picket::api {

namespace {

constexpr std::size_t tags_max = 200;  // TagMap

// The detector that an ARN "arn:P:guardduty:R:A:detector/D" names, if it is the caller's.
std::expected<DetectorSettings, ApiError> detector_of(const Call& call) {
  const std::string& arn = call.uri.at("resourceArn");
  const std::string own = "arn:" + std::string(partition_of(call.region)) + ":guardduty:" + call.region +
                          ':' + call.caller.account + ":detector/" + call.detector_id();
  if (!arn.starts_with(own)) return detector_not_owned();
  if (arn != own) return no_such_resource();
  auto found = find_detector(call);
  if (!found) return std::unexpected(found.error());
  if (!*found) return detector_not_owned();
  return std::move(**found);
}

Answer saved(const Call& call, const DetectorSettings& detector) {
  if (const auto ok = save_detector(call.store(), call.caller.account, call.region, detector); !ok)
    return store_error(ok.error(), "resourceArn");
  return "";
}

}  // namespace

Answer tag_resource(Call& call) {
  auto detector = detector_of(call);
  if (!detector) return std::unexpected(detector.error());
  for (auto& [key, value] : string_map(call.member("tags"))) detector->tags[key] = value;
  if (detector->tags.size() > tags_max) return invalid_parameter("tags");
  return saved(call, *detector);
}

Answer untag_resource(Call& call) {
  auto detector = detector_of(call);
  if (!detector) return std::unexpected(detector.error());
  for (const auto& [name, key] : call.query)
    if (name == "tagKeys") detector->tags.erase(key);
  return saved(call, *detector);
}

Answer list_tags_for_resource(Call& call) {
  const auto detector = detector_of(call);
  if (!detector) return std::unexpected(detector.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("tags");
  json.begin_object();
  for (const auto& [key, value] : detector->tags) json.member(key, value);
  json.end_object();
  json.end_object();
  return out;
}

}  // namespace picket::api
