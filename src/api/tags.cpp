// TagResource, UntagResource, ListTagsForResource, for every kind of resource that has tags.
#include <algorithm>

#include "api/handlers.h"
#include "api/tagged.h"
#include "base/json_writer.h"
#include "finding/detector_id.h"
#include "store/filters.h"
#include "store/list_sets.h"
#include "store/publishing.h"

namespace picket::api {

namespace {

constexpr std::size_t tags_max = 200;  // TagMap

using Tags = std::map<std::string, std::string>;

using Found = std::expected<Tagged, ApiError>;

Found not_here(const Error& error) { return store_error(error, "resourceArn"); }

Found detector_tags(const Call& call) {
  const auto detector = find_detector(call);
  if (!detector) return std::unexpected(detector.error());
  if (!*detector) return detector_not_owned();
  return Tagged{(*detector)->tags, [&call, settings = **detector](const Tags& tags) mutable {
                  settings.tags = tags;
                  return detector_change(call.caller.account, call.region, settings);
                }};
}

Found filter_tags(const Call& call, std::string_view name) {
  const auto filter = load_filter(call.store(), call.caller.account, call.region, name);
  if (!filter) return not_here(filter.error());
  if (!*filter) return no_such_resource();
  return Tagged{(*filter)->tags,
                [settings = **filter](const Tags& tags) mutable {
                  settings.tags = tags;
                  return save_change(settings);
                },
                has_valid_expiry};
}

Found list_set_tags(const Call& call, ListSetKind kind, std::string_view id) {
  const auto set = load_list_set(call.store(), kind, call.caller.account, call.region, id);
  if (!set) return not_here(set.error());
  if (!*set || (*set)->is_gone()) return no_such_resource();
  return Tagged{(*set)->tags, [settings = **set](const Tags& tags) mutable {
                  settings.tags = tags;
                  return save_change(settings);
                }};
}

Found destination_tags(const Call& call, std::string_view id) {
  const auto destination = load_destination(call.store(), call.caller.account, call.region, id);
  if (!destination) return not_here(destination.error());
  if (!*destination) return no_such_resource();
  return Tagged{(*destination)->tags, [settings = **destination](const Tags& tags) mutable {
                  settings.tags = tags;
                  return save_change(settings);
                }};
}

// "arn:P:guardduty:R:A:detector/D", with "/KIND/NAME" behind it for what belongs to a detector; or
// "…:malware-protection-plan/P".
Found find_tagged(const Call& call) {
  const std::string& arn = call.uri.at("resourceArn");
  const std::string account = "arn:" + std::string(partition_of(call.region)) + ":guardduty:" + call.region +
                              ':' + call.caller.account + ':';
  const std::string plan = account + "malware-protection-plan/";
  if (arn.starts_with(plan)) return plan_tags(call, arn.substr(plan.size()));
  const std::string own = account + "detector/" + call.detector_id();
  if (!arn.starts_with(own)) return detector_not_owned();
  if (arn == own) return detector_tags(call);
  std::string_view rest = std::string_view(arn).substr(own.size());
  if (!rest.starts_with('/')) return detector_not_owned();
  rest.remove_prefix(1);
  if (const auto detector = find_detector(call); !detector || !*detector)
    return detector ? Found(detector_not_owned()) : std::unexpected(detector.error());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view kind = rest.substr(0, slash);
  const std::string_view name = rest.substr(std::min(slash + 1, rest.size()));
  if (kind == "filter") return filter_tags(call, name);
  if (kind == "ipset") return list_set_tags(call, ListSetKind::ip_set, name);
  if (kind == "threatintelset") return list_set_tags(call, ListSetKind::threat_intel_set, name);
  if (kind == "threatentityset") return list_set_tags(call, ListSetKind::threat_entity_set, name);
  if (kind == "trustedentityset") return list_set_tags(call, ListSetKind::trusted_entity_set, name);
  if (kind == "publishingdestination") return destination_tags(call, name);
  return no_such_resource();
}

Answer saved(Call& call, const Tagged& resource) { return call.commit({resource.change(resource.tags)}, ""); }

}  // namespace

Answer tag_resource(Call& call) {
  auto resource = find_tagged(call);
  if (!resource) return std::unexpected(resource.error());
  for (auto& [key, value] : string_map(call.member("tags"))) resource->tags[key] = value;
  if (resource->tags.size() > tags_max) return invalid_parameter("tags");
  if (resource->valid && !resource->valid(resource->tags)) return no_expiry();
  return saved(call, *resource);
}

Answer untag_resource(Call& call) {
  auto resource = find_tagged(call);
  if (!resource) return std::unexpected(resource.error());
  for (const auto& [name, key] : call.query)
    if (name == "tagKeys") resource->tags.erase(key);
  return saved(call, *resource);
}

Answer list_tags_for_resource(Call& call) {
  const auto resource = find_tagged(call);
  if (!resource) return std::unexpected(resource.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("tags", resource->tags);
  json.end_object();
  return out;
}

}  // namespace picket::api
