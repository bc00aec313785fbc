// CreateDetector, GetDetector, ListDetectors, UpdateDetector, DeleteDetector.
#include <algorithm>
#include <array>

#include "api/handlers.h"
#include "base/json_writer.h"
#include "finding/detector_id.h"

namespace picket::api {

namespace {

using simdjson::dom::element;

// The deprecated dataSources and the features that took their place.
struct DataSource {
  std::array<std::string_view, 3> path;  // in a request, the last step holds the boolean
  std::string_view feature;
};
constexpr std::array<DataSource, 3> data_sources{
    DataSource{{"s3Logs", "enable", ""}, "S3_DATA_EVENTS"},
    DataSource{{"kubernetes", "auditLogs", "enable"}, "EKS_AUDIT_LOGS"},
    DataSource{{"malwareProtection", "scanEc2InstanceWithFindings", "ebsVolumes"}, "EBS_MALWARE_PROTECTION"}};

std::string_view status(bool enabled) { return enabled ? "ENABLED" : "DISABLED"; }

void set_feature(DetectorSettings& detector, std::string_view name, bool enabled, TimeMs now) {
  FeatureSetting& feature = detector.features[std::string(name)];
  feature.enabled = enabled;
  feature.updated_at = now;
}

void apply_data_sources(const Call& call, DetectorSettings& detector) {
  const auto given = call.member("dataSources");
  if (!given) return;
  for (const DataSource& source : data_sources) {
    auto step = simdjson::simdjson_result<element>(element(*given));
    for (const std::string_view name : source.path)
      if (!name.empty()) step = step[name];
    bool enabled = false;
    if (step.get(enabled) == simdjson::SUCCESS) set_feature(detector, source.feature, enabled, call.now);
  }
}

// False when the combination is none that GuardDuty takes.
bool apply_features(const Call& call, DetectorSettings& detector) {
  const auto given = call.member("features");
  simdjson::dom::array features;
  if (!given || given->get(features) != simdjson::SUCCESS) return true;
  for (const element row : features) {
    std::string_view name, wanted;
    if (row["name"].get(name) != simdjson::SUCCESS) return false;
    const bool has_status = row["status"].get(wanted) == simdjson::SUCCESS;
    if (has_status) set_feature(detector, name, wanted == "ENABLED", call.now);
    simdjson::dom::array additional;
    if (row["additionalConfiguration"].get(additional) != simdjson::SUCCESS) continue;
    FeatureSetting& feature = detector.features[std::string(name)];
    for (const element part : additional) {
      std::string_view part_name, part_status;
      if (part["name"].get(part_name) != simdjson::SUCCESS) return false;
      const auto known = feature.additional.find(std::string(part_name));
      if (known == feature.additional.end()) return false;
      if (part["status"].get(part_status) == simdjson::SUCCESS) known->second = part_status == "ENABLED";
    }
    feature.updated_at = call.now;
  }
  return !(detector.features["EKS_RUNTIME_MONITORING"].enabled &&
           detector.features["RUNTIME_MONITORING"].enabled);
}

// What CreateDetector and UpdateDetector have in common.
std::expected<void, ApiError> apply_settings(const Call& call, DetectorSettings& detector) {
  if (const auto enable = call.flag("enable"))
    detector.status = *enable ? DetectorStatus::enabled : DetectorStatus::disabled;
  if (const auto frequency = call.text("findingPublishingFrequency"))
    detector.finding_publishing_frequency = *frequency;
  apply_data_sources(call, detector);
  if (!apply_features(call, detector)) return invalid_parameters();
  detector.updated_at = call.now;
  return {};
}

void write_status(JsonWriter& json, std::string_view name, bool enabled) {
  json.key(name);
  json.begin_object();
  json.member("status", status(enabled));
  json.end_object();
}

void write_data_sources(JsonWriter& json, const DetectorSettings& detector) {
  const bool on = detector.status == DetectorStatus::enabled;
  const auto feature = [&](const char* name) {
    const auto found = detector.features.find(name);
    return on && found != detector.features.end() && found->second.enabled;
  };
  json.begin_object();
  write_status(json, "cloudTrail", on);
  write_status(json, "dnsLogs", on);
  write_status(json, "flowLogs", on);
  write_status(json, "s3Logs", feature("S3_DATA_EVENTS"));
  json.key("kubernetes");
  json.begin_object();
  write_status(json, "auditLogs", feature("EKS_AUDIT_LOGS"));
  json.end_object();
  json.key("malwareProtection");
  json.begin_object();
  json.key("scanEc2InstanceWithFindings");
  json.begin_object();
  write_status(json, "ebsVolumes", feature("EBS_MALWARE_PROTECTION"));
  json.end_object();
  json.end_object();
  json.end_object();
}

void write_features(JsonWriter& json, const DetectorSettings& detector) {
  json.begin_array();
  for (const char* name : {"CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS"}) {
    json.begin_object();
    json.member("name", name);
    json.member("status", status(detector.status == DetectorStatus::enabled));
    json.member_raw("updatedAt", epoch_seconds(detector.created_at));
    json.end_object();
  }
  for (const auto& [name, feature] : detector.features) {
    json.begin_object();
    json.member("name", name);
    json.member("status", status(feature.enabled));
    json.member_raw("updatedAt", epoch_seconds(feature.updated_at));
    if (!feature.additional.empty()) {
      json.key("additionalConfiguration");
      json.begin_array();
      for (const auto& [part, enabled] : feature.additional) {
        json.begin_object();
        json.member("name", part);
        json.member("status", status(enabled));
        json.member_raw("updatedAt", epoch_seconds(feature.updated_at));
        json.end_object();
      }
      json.end_array();
    }
    json.end_object();
  }
  json.end_array();
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
  json.member("status", status(detector->status == DetectorStatus::enabled));
  json.key("dataSources");
  write_data_sources(json, *detector);
  json.key("features");
  write_features(json, *detector);
  json.key("tags");
  json.begin_object();
  for (const auto& [key, value] : detector->tags) json.member(key, value);
  json.end_object();
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
  if (auto ok = apply_settings(call, *detector); !ok) return std::unexpected(ok.error());
  return saved(call, *detector, "{}");
}

Answer delete_detector(Call& call) {
  auto detector = require_detector(call);
  if (!detector) return std::unexpected(detector.error());
  DetectorSettings gone{
      .status = DetectorStatus::deleted, .created_at = detector->created_at, .updated_at = call.now};
  return saved(call, gone, "{}");
}

}  // namespace picket::api
