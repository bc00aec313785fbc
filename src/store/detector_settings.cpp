#include "store/detector_settings.h"

#include "base/json_writer.h"
#include "store/stored.h"

namespace picket {

namespace {

constexpr std::array<std::string_view, 3> status_names{"ENABLED", "DISABLED", "DELETED"};

std::string write(const DetectorSettings& settings) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("status", status_names[static_cast<std::size_t>(settings.status)]);
  json.member("created_at", settings.created_at);
  json.member("updated_at", settings.updated_at);
  json.member("finding_publishing_frequency", settings.finding_publishing_frequency);
  json.key("features");
  json.begin_object();
  for (const auto& [name, feature] : settings.features) {
    json.key(name);
    json.begin_object();
    json.member("enabled", feature.enabled);
    json.member("updated_at", feature.updated_at);
    json.key("additional");
    json.begin_object();
    for (const auto& [part, enabled] : feature.additional) json.member(part, enabled);
    json.end_object();
    json.end_object();
  }
  json.end_object();
  json.member("tags", settings.tags);
  json.end_object();
  return out;
}

DetectorSettings read(const Setting&, const simdjson::dom::element& root) {
  DetectorSettings out;
  const std::string_view status = root["status"];
  const auto known = std::find(status_names.begin(), status_names.end(), status);
  if (known == status_names.end()) throw simdjson::simdjson_error(simdjson::INCORRECT_TYPE);
  out.status = static_cast<DetectorStatus>(known - status_names.begin());
  out.created_at = root["created_at"];
  out.updated_at = root["updated_at"];
  out.finding_publishing_frequency = stored_text(root, "finding_publishing_frequency");
  for (const auto& [name, element] : simdjson::dom::object(root["features"])) {
    FeatureSetting& feature = out.features[std::string(name)];
    feature.enabled = element["enabled"];
    feature.updated_at = element["updated_at"];
    for (const auto& [part, enabled] : simdjson::dom::object(element["additional"]))
      feature.additional[std::string(part)] = enabled;
  }
  out.tags = stored_texts(root, "tags");
  return out;
}

}  // namespace

DetectorSettings default_detector(TimeMs created_at) {
  DetectorSettings out{.created_at = created_at, .updated_at = created_at};
  const auto feature = [&](std::string name, bool enabled, std::map<std::string, bool> additional = {}) {
    out.features[std::move(name)] = {enabled, created_at, std::move(additional)};
  };
  for (const char* name : {"S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "EBS_MALWARE_PROTECTION",
                           "LAMBDA_NETWORK_LOGS", "AI_PROTECTION", "AI_ANALYST"})
    feature(name, true);
  feature("RDS_LOGIN_EVENTS", true, {{"RDS_DATA_RISK", false}});
  feature("EKS_RUNTIME_MONITORING", false, {{"EKS_ADDON_MANAGEMENT", false}});
  feature("RUNTIME_MONITORING", false,
          {{"EKS_ADDON_MANAGEMENT", false},
           {"ECS_FARGATE_AGENT_MANAGEMENT", false},
           {"EC2_AGENT_MANAGEMENT", false}});
  return out;
}

Result<std::optional<DetectorSettings>> load_detector(FindingStore& store, std::string_view account,
                                                      std::string_view region) {
  return load_stored(store, account, region, detector_setting_kind, "", read);
}

SettingChange detector_change(std::string_view account, std::string_view region,
                              const DetectorSettings& settings) {
  return {std::string(account), std::string(region), std::string(detector_setting_kind), "", write(settings)};
}

Result<void> save_detector(FindingStore& store, std::string_view account, std::string_view region,
                           const DetectorSettings& settings) {
  const SettingChange change = detector_change(account, region, settings);
  const auto saved = store.change_settings({&change, 1});
  if (!saved) return std::unexpected(saved.error());
  return {};
}

}  // namespace picket
