#include "api/features.h"

#include <array>

#include "api/call.h"

namespace picket::api {

using simdjson::dom::element;

namespace {

// The deprecated dataSources and the features that took their place.
struct DataSource {
  std::array<std::string_view, 3> path;  // in a request, the last step holds the boolean
  std::string_view feature;
};
constexpr std::array<DataSource, 3> data_sources{
    DataSource{{"s3Logs", "enable", ""}, "S3_DATA_EVENTS"},
    DataSource{{"kubernetes", "auditLogs", "enable"}, "EKS_AUDIT_LOGS"},
    DataSource{{"malwareProtection", "scanEc2InstanceWithFindings", "ebsVolumes"}, "EBS_MALWARE_PROTECTION"}};

void set_feature(DetectorSettings& detector, std::string_view name, bool enabled, TimeMs now) {
  FeatureSetting& feature = detector.features[std::string(name)];
  feature.enabled = enabled;
  feature.updated_at = now;
}

void write_status(JsonWriter& json, std::string_view name, bool enabled) {
  json.key(name);
  json.begin_object();
  json.member("status", status_name(enabled));
  json.end_object();
}

}  // namespace

std::string_view status_name(bool enabled) { return enabled ? "ENABLED" : "DISABLED"; }

void apply_data_sources(const std::optional<element>& given, DetectorSettings& detector, TimeMs now) {
  if (!given) return;
  for (const DataSource& source : data_sources) {
    auto step = simdjson::simdjson_result<element>(element(*given));
    for (const std::string_view name : source.path)
      if (!name.empty()) step = step[name];
    bool enabled = false;
    if (step.get(enabled) == simdjson::SUCCESS) set_feature(detector, source.feature, enabled, now);
  }
}

bool apply_features(const std::optional<element>& given, DetectorSettings& detector, TimeMs now) {
  simdjson::dom::array features;
  if (!given || given->get(features) != simdjson::SUCCESS) return true;
  for (const element row : features) {
    std::string_view name, wanted;
    if (row["name"].get(name) != simdjson::SUCCESS) return false;
    const bool has_status = row["status"].get(wanted) == simdjson::SUCCESS;
    if (has_status) set_feature(detector, name, wanted == "ENABLED", now);
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
    feature.updated_at = now;
  }
  return !(detector.features["EKS_RUNTIME_MONITORING"].enabled &&
           detector.features["RUNTIME_MONITORING"].enabled);
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

void write_features(JsonWriter& json, const DetectorSettings& detector, FeatureUse use) {
  json.begin_array();
  for (const char* name : {"CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS"}) {
    if (use == FeatureUse::member) break;
    json.begin_object();
    json.member("name", name);
    json.member("status", status_name(detector.status == DetectorStatus::enabled));
    json.member_raw("updatedAt", epoch_seconds(detector.created_at));
    json.end_object();
  }
  for (const auto& [name, feature] : detector.features) {
    if (use == FeatureUse::member && name == "AI_ANALYST") continue;
    json.begin_object();
    json.member("name", name);
    json.member("status", status_name(feature.enabled));
    json.member_raw("updatedAt", epoch_seconds(feature.updated_at));
    if (!feature.additional.empty()) {
      json.key("additionalConfiguration");
      json.begin_array();
      for (const auto& [part, enabled] : feature.additional) {
        // Older clients do not know it and would take it for a change of theirs.
        if (part == "RDS_DATA_RISK" && !enabled) continue;
        json.begin_object();
        json.member("name", part);
        json.member("status", status_name(enabled));
        json.member_raw("updatedAt", epoch_seconds(feature.updated_at));
        json.end_object();
      }
      json.end_array();
    }
    json.end_object();
  }
  json.end_array();
}

}  // namespace picket::api
