// CreateDetector, GetDetector, ListDetectors, UpdateDetector, DeleteDetector.
#include "api/features.h"
#include "api/handlers.h"
#include "base/json_writer.h"
#include "finding/detector_id.h"
#include "store/filters.h"
#include "store/list_sets.h"
#include "store/publishing.h"

namespace picket::api {

namespace {

// What CreateDetector and UpdateDetector have in common.
std::expected<void, ApiError> apply_settings(const Call& call, DetectorSettings& detector) {
  if (const auto enable = call.flag("enable"))
    detector.status = *enable ? DetectorStatus::enabled : DetectorStatus::disabled;
  if (const auto frequency = call.text("findingPublishingFrequency"))
    detector.finding_publishing_frequency = *frequency;
  apply_data_sources(call.member("dataSources"), detector, call.now);
  if (!apply_features(call.member("features"), detector, call.now)) return invalid_parameters();
  detector.updated_at = call.now;
  return {};
}

std::string created(const Call& call) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("detectorId", call.detector_id());
  json.end_object();
  return out;
}

Answer saved(Call& call, const DetectorSettings& detector, std::string answer) {
  return call.commit({detector_change(call.caller.account, call.region, detector)}, std::move(answer));
}

// Removes the filters, sets and destinations that belong to the caller's detector.
std::expected<std::vector<SettingChange>, ApiError> without_belongings(const Call& call) {
  std::vector<SettingChange> changes;
  const auto filters = load_filters(call.store(), call.caller.account, call.region);
  if (!filters) return store_error(filters.error(), "detectorId");
  for (const FilterSettings& filter : *filters) changes.push_back(remove_change(filter));
  for (const ListSetKind kind : list_set_kinds) {
    const auto sets = load_list_sets(call.store(), kind, call.caller.account, call.region);
    if (!sets) return store_error(sets.error(), "detectorId");
    for (const ListSet& set : *sets) changes.push_back(remove_change(set));
  }
  const auto destinations = load_destinations(call.store(), call.caller.account, call.region);
  if (!destinations) return store_error(destinations.error(), "detectorId");
  for (const PublishingDestination& destination : *destinations)
    changes.push_back(remove_change(destination));
  return changes;
}

}  // namespace

Answer create_detector(Call& call) {
  const auto stored = load_detector(call.store(), call.caller.account, call.region);
  if (!stored) return store_error(stored.error(), "detectorId");
  if (*stored && (*stored)->status != DetectorStatus::deleted)
    return bad_request("The request is rejected because a detector already exists for the current account.");
  // One that exists by itself and that no API call has touched is adopted: the row written now makes it the
  // caller's.
  DetectorSettings detector = default_detector(call.now);
  if (auto ok = apply_settings(call, detector); !ok) return std::unexpected(ok.error());
  detector.tags = string_map(call.member("tags"));
  return saved(call, detector, created(call));
}

Answer get_detector(Call& call) {
  const auto detector = require_detector(call);
  if (!detector) return std::unexpected(detector.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("createdAt", format_time(detector->created_at));
  json.member("updatedAt", format_time(detector->updated_at));
  json.member("findingPublishingFrequency", detector->finding_publishing_frequency);
  json.member("serviceRole",
              "arn:" + std::string(partition_of(call.region)) + ":iam::" + call.caller.account +
                  ":role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty");
  json.member("status", status_name(detector->status == DetectorStatus::enabled));
  json.key("dataSources");
  write_data_sources(json, *detector);
  json.key("features");
  write_features(json, *detector, FeatureUse::detector);
  json.member("tags", detector->tags);
  json.end_object();
  return out;
}

Answer list_detectors(Call& call) {
  // An account has one detector a Region, so the first page is all and no token was ever given out.
  for (const auto& [name, value] : call.query)
    if (name == "nextToken" && !value.empty()) return invalid_parameter("nextToken");
  const auto detector = find_detector(call);
  if (!detector) return std::unexpected(detector.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("detectorIds");
  json.begin_array();
  if (*detector) json.value(call.detector_id());
  json.end_array();
  json.end_object();
  return out;
}

Answer update_detector(Call& call) {
  auto detector = require_detector(call);
  if (!detector) return std::unexpected(detector.error());
  if (const MemberAccount* association = call.members->association(call.caller.account, call.region)) {
    // Members neither suspend themselves nor set the frequency, and what the organisation runs is its
    // administrator's to change.
    const bool suspends = call.flag("enable") == false && detector->status == DetectorStatus::enabled;
    const bool resumes = call.flag("enable") == true && detector->status == DetectorStatus::disabled;
    const bool features = call.member("features") || call.member("dataSources");
    if (suspends || resumes || call.text("findingPublishingFrequency") ||
        (features && association->by_organization))
      return bad_request(
          "The request is rejected because the current account is a member: its administrator manages this "
          "detector.");
  }
  if (auto ok = apply_settings(call, *detector); !ok) return std::unexpected(ok.error());
  return saved(call, *detector, "{}");
}

Answer delete_detector(Call& call) {
  auto detector = require_detector(call);
  if (!detector) return std::unexpected(detector.error());
  for (const MemberAccount* member : call.members->of(call.caller.account, call.region))
    if (member->associated() || member->relationship == Relationship::invited)
      return bad_request(
          "The request is rejected because the current account cannot delete detector while it has invited "
          "or "
          "associated members.");
  if (call.members->association(call.caller.account, call.region) != nullptr)
    return bad_request(
        "The request is rejected because the current account cannot delete detector while it is an "
        "associated "
        "member of another account.");
  // Its id comes back with the next detector; what belonged to this one shall not.
  auto changes = without_belongings(call);
  if (!changes) return std::unexpected(changes.error());
  DetectorSettings gone{
      .status = DetectorStatus::deleted, .created_at = detector->created_at, .updated_at = call.now};
  changes->push_back(detector_change(call.caller.account, call.region, gone));
  return call.commit(std::move(*changes), "{}");
}

}  // namespace picket::api
