#include "pipeline/rule_controls.h"

#include <simdjson.h>

#include "base/json_writer.h"
#include "rules/custom_detection_rules.h"
#include "store/custom_rule_settings.h"

namespace picket {

namespace {

using simdjson::dom::element;

// What associations and configurations have in common.
template <class T>
void write_mode(JsonWriter& json, const T& setting) {
  json.member("region", setting.region);
  json.member("rule_id", setting.rule_id);
  json.member("mode", setting.mode);
  if (setting.expires_at) json.member("expires_at", *setting.expires_at);
}

struct Common {
  std::string region, rule;  // the rule's name; empty when this version does not have it
  RuleMode mode = RuleMode::off;
  TimeMs expires_at = RuleModes::never;
};
Common read_mode(const element& setting) {
  Common common;
  common.region = std::string_view(setting["region"]);
  if (const auto* rule = rules::find_custom_detection_rule(setting["rule_id"])) common.rule = rule->name;
  common.mode = std::string_view(setting["mode"]) == "LIVE" ? RuleMode::live : RuleMode::dry_run;
  if (setting["expires_at"].get(common.expires_at) != simdjson::SUCCESS) common.expires_at = RuleModes::never;
  return common;
}

std::set<std::string, std::less<>> read_accounts(const element& setting, const char* name) {
  std::set<std::string, std::less<>> accounts;
  for (const element account : simdjson::dom::array(setting[name]))
    accounts.emplace(std::string_view(account));
  return accounts;
}

Result<void> set_defaults(const std::vector<std::string>& names, std::string_view key, RuleMode mode,
                          RuleModes& modes) {
  for (const std::string& name : names) {
    if (name != "*" && rules::custom_detection_rule_named(name) == nullptr) {
      return fail(ErrorKind::invalid,
                  "no such custom detection rule: " + name + "; docs/custom-rules.md names them",
                  "custom_rules." + std::string(key));
    }
    modes.set_default(name, mode);
  }
  return {};
}

}  // namespace

Result<std::string> custom_rule_state(FindingStore& store) {
  const auto associations = load_custom_rule_associations(store, {}, {});
  if (!associations) return std::unexpected(associations.error());
  const auto configurations = load_custom_rule_configurations(store, {}, {});
  if (!configurations) return std::unexpected(configurations.error());
  const auto managed = store.list_settings({}, {}, custom_rules_managed_kind);
  if (!managed) return std::unexpected(managed.error());
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.key("managed");
  json.begin_array();
  for (const Setting& place : *managed) {
    json.begin_object();
    json.member("account", place.account);
    json.member("region", place.region);
    json.end_object();
  }
  json.end_array();
  json.key("associations");
  json.begin_array();
  for (const CustomRuleAssociation& one : *associations) {
    json.begin_object();
    json.member("account", one.account);
    write_mode(json, one);
    json.end_object();
  }
  json.end_array();
  json.key("configurations");
  json.begin_array();
  for (const CustomRuleConfiguration& one : *configurations) {
    json.begin_object();
    write_mode(json, one);
    json.member("include", one.include);
    json.member("exclude", one.exclude);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return body;
}

Result<void> use_custom_rule_state(std::string_view body, RuleModes& modes) {
  modes.clear();
  try {
    simdjson::dom::parser parser;
    const element root = parser.parse(body.data(), body.size());
    for (const element one : simdjson::dom::array(root["managed"])) {
      modes.manage(std::string(std::string_view(one["account"])),
                   std::string(std::string_view(one["region"])));
    }
    for (const element one : simdjson::dom::array(root["associations"])) {
      Common common = read_mode(one);
      modes.associate(std::string(std::string_view(one["account"])), std::move(common.region),
                      std::move(common.rule), common.mode, common.expires_at);
    }
    for (const element one : simdjson::dom::array(root["configurations"])) {
      Common common = read_mode(one);
      modes.configure(
          std::move(common.region), std::move(common.rule),
          {common.mode, common.expires_at, read_accounts(one, "include"), read_accounts(one, "exclude")});
    }
  } catch (const simdjson::simdjson_error& error) {
    return fail(ErrorKind::invalid,
                std::string("the control record custom_rules cannot be read: ") + error.what());
  }
  return {};
}

Result<RuleModes> default_rule_modes(const Config& config) {
  RuleModes modes;
  if (auto set = set_defaults(config.custom_rules_live, "live", RuleMode::live, modes); !set)
    return std::unexpected(set.error());
  if (auto set = set_defaults(config.custom_rules_dry_run, "dry_run", RuleMode::dry_run, modes); !set)
    return std::unexpected(set.error());
  return modes;
}

}  // namespace picket
