#include "store/organization.h"

#include <algorithm>
#include <array>

#include "base/json_writer.h"
#include "store/stored.h"

namespace picket {

namespace {

constexpr std::string_view settings_kind = "organization", admin_kind = "organization_admin";
constexpr std::array<std::string_view, 3> auto_enable_names{"NONE", "NEW", "ALL"};

AutoEnable read_auto_enable(const simdjson::dom::element& element) {
  const auto value = parse_auto_enable(std::string_view(element));
  if (!value) throw simdjson::simdjson_error(simdjson::INCORRECT_TYPE);
  return *value;
}

// A JSON string of digits.
std::string unquoted(const std::string& body) {
  return body.size() < 2 ? "" : body.substr(1, body.size() - 2);
}

OrganizationSettings read(const Setting&, const simdjson::dom::element& root) {
  OrganizationSettings out{.members = read_auto_enable(root["members"]), .features = {}};
  out.updated_at = root["updated_at"];
  for (const auto& [name, row] : simdjson::dom::object(root["features"])) {
    OrganizationFeature& feature = out.features[std::string(name)];
    feature.auto_enable = read_auto_enable(row["auto_enable"]);
    for (const auto& [part, value] : simdjson::dom::object(row["additional"]))
      feature.additional[std::string(part)] = read_auto_enable(value);
  }
  return out;
}

}  // namespace

std::string_view name_of(AutoEnable value) { return auto_enable_names[static_cast<std::size_t>(value)]; }

std::optional<AutoEnable> parse_auto_enable(std::string_view name) {
  const auto found = std::ranges::find(auto_enable_names, name);
  if (found == auto_enable_names.end()) return std::nullopt;
  return static_cast<AutoEnable>(found - auto_enable_names.begin());
}

OrganizationSettings default_organization_settings() {
  OrganizationSettings out;
  for (const char* name :
       {"S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "EBS_MALWARE_PROTECTION", "LAMBDA_NETWORK_LOGS", "AI_PROTECTION"})
    out.features[name];
  out.features["RDS_LOGIN_EVENTS"].additional["RDS_DATA_RISK"];
  out.features["EKS_RUNTIME_MONITORING"].additional["EKS_ADDON_MANAGEMENT"];
  for (const char* part : {"EKS_ADDON_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT"})
    out.features["RUNTIME_MONITORING"].additional[part];
  return out;
}

Result<OrganizationSettings> load_organization_settings(FindingStore& store, std::string_view administrator,
                                                        std::string_view region) {
  auto settings = load_stored(store, administrator, region, settings_kind, "", read);
  if (!settings) return std::unexpected(settings.error());
  return settings->value_or(default_organization_settings());
}

SettingChange organization_settings_change(std::string_view administrator, std::string_view region,
                                           const OrganizationSettings& settings) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.member("members", name_of(settings.members));
  json.member("updated_at", settings.updated_at);
  json.key("features");
  json.begin_object();
  for (const auto& [name, feature] : settings.features) {
    json.key(name);
    json.begin_object();
    json.member("auto_enable", name_of(feature.auto_enable));
    json.key("additional");
    json.begin_object();
    for (const auto& [part, value] : feature.additional) json.member(part, name_of(value));
    json.end_object();
    json.end_object();
  }
  json.end_object();
  json.end_object();
  return {std::string(administrator), std::string(region), std::string(settings_kind), "", std::move(body)};
}

SettingChange organization_settings_removal(std::string_view administrator, std::string_view region) {
  return {std::string(administrator), std::string(region), std::string(settings_kind), "", std::nullopt};
}

Result<std::string> load_delegated_administrator(FindingStore& store, std::string_view region) {
  const auto setting = store.get_setting("", region, admin_kind, "");
  if (!setting) return std::unexpected(setting.error());
  return *setting ? unquoted((*setting)->body) : std::string();
}

Result<std::map<std::string, std::string>> load_delegated_administrators(FindingStore& store) {
  const auto settings = store.list_settings("", std::nullopt, admin_kind);
  if (!settings) return std::unexpected(settings.error());
  std::map<std::string, std::string> out;
  for (const Setting& setting : *settings) out[setting.region] = unquoted(setting.body);
  return out;
}

SettingChange delegated_administrator_change(std::string_view region, std::string_view account) {
  SettingChange change{"", std::string(region), std::string(admin_kind), "", std::nullopt};
  if (!account.empty()) change.body = '"' + std::string(account) + '"';
  return change;
}

}  // namespace picket
