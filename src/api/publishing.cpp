// CreatePublishingDestination, DescribePublishingDestination, ListPublishingDestinations,
// UpdatePublishingDestination, DeletePublishingDestination. pipeline/publisher verifies destinations and
// sends.
#include "store/publishing.h"

#include <algorithm>

#include "api/handlers.h"
#include "api/ids.h"
#include "api/paging.h"
#include "base/json_writer.h"

namespace picket::api {

namespace {

std::expected<std::vector<PublishingDestination>, ApiError> destinations_here(const Call& call) {
  auto destinations = load_destinations(call.store(), call.caller.account, call.region);
  if (!destinations) return store_error(destinations.error(), "destinationId");
  return std::move(*destinations);
}

std::expected<PublishingDestination, ApiError> require_destination(const Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  auto destination =
      load_destination(call.store(), call.caller.account, call.region, call.uri.at("destinationId"));
  if (!destination) return store_error(destination.error(), "destinationId");
  if (!*destination) return invalid_parameters();
  return std::move(**destination);
}

// What is sent changes, so the destination is verified anew.
std::expected<void, ApiError> apply_properties(const Call& call, PublishingDestination& destination) {
  const auto properties = string_map(call.member("destinationProperties"));
  const auto given = [&](const char* name, std::string& into) {
    if (const auto found = properties.find(name); found != properties.end()) into = found->second;
  };
  given("destinationArn", destination.destination_arn);
  given("kmsKeyArn", destination.kms_key_arn);
  given("expectedBucketOwner", destination.expected_bucket_owner);
  if (!parse_bucket_arn(destination.destination_arn))
    return invalid_parameter("destinationProperties.destinationArn",
                             "it is not the ARN of a bucket, arn:aws:s3:::NAME with or without a prefix");
  destination.status = PublishingStatus::pending_verification;
  destination.failing_since = 0;
  destination.updated_at = call.now;
  return {};
}

}  // namespace

Answer create_publishing_destination(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const auto others = destinations_here(call);
  if (!others) return std::unexpected(others.error());
  PublishingDestination destination{.account = call.caller.account, .region = call.region, .id = new_id()};
  if (auto ok = apply_properties(call, destination); !ok) return std::unexpected(ok.error());
  if (std::ranges::find(*others, destination.destination_arn, &PublishingDestination::destination_arn) !=
      others->end())
    return bad_request(
        "The request is rejected because a publishing destination with the given destinationArn already "
        "exists.");
  destination.created_at = destination.updates_published_at = call.now;
  destination.tags = string_map(call.member("tags"));
  return call.commit({save_change(destination)}, one_member("destinationId", destination.id));
}

Answer describe_publishing_destination(Call& call) {
  const auto destination = require_destination(call);
  if (!destination) return std::unexpected(destination.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("destinationId", destination->id);
  json.member("destinationType", "S3");
  json.member("status", to_string(destination->status));
  json.member("publishingFailureStartTimestamp", destination->failing_since);
  json.key("destinationProperties");
  json.begin_object();
  json.member("destinationArn", destination->destination_arn);
  if (!destination->kms_key_arn.empty()) json.member("kmsKeyArn", destination->kms_key_arn);
  if (!destination->expected_bucket_owner.empty())
    json.member("expectedBucketOwner", destination->expected_bucket_owner);
  json.end_object();
  json.member("tags", destination->tags);
  json.end_object();
  return out;
}

Answer list_publishing_destinations(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const auto destinations = destinations_here(call);
  if (!destinations) return std::unexpected(destinations.error());
  std::vector<std::string> ids;
  for (const PublishingDestination& destination : *destinations) ids.push_back(destination.id);
  return paged(call, "destinations", ids, [&](JsonWriter& json, std::size_t row) {
    json.begin_object();
    json.member("destinationId", ids[row]);
    json.member("destinationType", "S3");
    json.member("status", to_string((*destinations)[row].status));
    json.end_object();
  });
}

Answer update_publishing_destination(Call& call) {
  auto destination = require_destination(call);
  if (!destination) return std::unexpected(destination.error());
  if (auto ok = apply_properties(call, *destination); !ok) return std::unexpected(ok.error());
  return call.commit({save_change(*destination)}, "{}");
}

Answer delete_publishing_destination(Call& call) {
  const auto destination = require_destination(call);
  if (!destination) return std::unexpected(destination.error());
  return call.commit({remove_change(*destination)}, "{}");
}

}  // namespace picket::api
