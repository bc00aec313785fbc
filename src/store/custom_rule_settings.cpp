#include "store/custom_rule_settings.h"

#include <algorithm>

#include "base/json_writer.h"
#include "store/stored.h"

namespace picket {

namespace {

using simdjson::dom::element;

std::string write(const CustomRuleAssociation& association) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("rule_id", association.rule_id);
  json.member("mode", association.mode);
  json.member("created_at", association.created_at);
  json.member("updated_at", association.updated_at);
  if (association.expires_at) json.member("expires_at", *association.expires_at);
  json.member("tags", association.tags);
  json.end_object();
  return out;
}

std::string write(const CustomRuleConfiguration& configuration) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("rule_id", configuration.rule_id);
  json.member("mode", configuration.mode);
  json.member("include", configuration.include);
  json.member("exclude", configuration.exclude);
  json.member("created_at", configuration.created_at);
  json.member("updated_at", configuration.updated_at);
  if (configuration.expires_at) json.member("expires_at", *configuration.expires_at);
  json.end_object();
  return out;
}

std::optional<TimeMs> expiry_of(const element& root) {
  std::int64_t time = 0;
  if (root["expires_at"].get(time) != simdjson::SUCCESS) return std::nullopt;
  return time;
}

std::vector<std::string> texts_of(const element& root, std::string_view name) {
  std::vector<std::string> texts;
  for (const element item : simdjson::dom::array(root[name])) texts.emplace_back(std::string_view(item));
  return texts;
}

CustomRuleAssociation read_association(const Setting& setting, const element& root) {
  return {.id = setting.id,
          .account = setting.account,
          .region = setting.region,
          .rule_id = stored_text(root, "rule_id"),
          .mode = stored_text(root, "mode"),
          .created_at = root["created_at"],
          .updated_at = root["updated_at"],
          .expires_at = expiry_of(root),
          .tags = stored_texts(root, "tags")};
}

CustomRuleConfiguration read_configuration(const Setting& setting, const element& root) {
  return {.administrator = setting.account,
          .region = setting.region,
          .rule_id = stored_text(root, "rule_id"),
          .mode = stored_text(root, "mode"),
          .include = texts_of(root, "include"),
          .exclude = texts_of(root, "exclude"),
          .created_at = root["created_at"],
          .updated_at = root["updated_at"],
          .expires_at = expiry_of(root)};
}

SettingChange change(const CustomRuleAssociation& of, std::optional<std::string> body) {
  return {of.account, of.region, std::string(custom_rule_association_kind), of.id, std::move(body)};
}
SettingChange change(const CustomRuleConfiguration& of, std::optional<std::string> body) {
  return {of.administrator, of.region, std::string(custom_rule_configuration_kind),
          of.rule_id + '/' + of.mode, std::move(body)};
}

}  // namespace

void CustomRuleAssociation::set_mode(std::string_view to, TimeMs now) {
  mode = to;
  updated_at = now;
  expires_at = to == "DRY_RUN" ? std::optional(now + dry_run_span) : std::nullopt;
}

bool CustomRuleConfiguration::covers(std::string_view account) const {
  return include.empty() ? std::ranges::find(exclude, account) == exclude.end()
                         : std::ranges::find(include, account) != include.end();
}

Result<std::vector<CustomRuleAssociation>> load_custom_rule_associations(
    FindingStore& store, std::optional<std::string_view> account, std::optional<std::string_view> region) {
  return load_all_stored(store, account, region, custom_rule_association_kind, read_association);
}

Result<std::vector<CustomRuleConfiguration>> load_custom_rule_configurations(
    FindingStore& store, std::optional<std::string_view> administrator,
    std::optional<std::string_view> region) {
  return load_all_stored(store, administrator, region, custom_rule_configuration_kind, read_configuration);
}

SettingChange managed_custom_rules(std::string_view account, std::string_view region) {
  return {std::string(account), std::string(region), std::string(custom_rules_managed_kind), "", "{}"};
}
SettingChange saved(const CustomRuleAssociation& association) {
  return change(association, write(association));
}
SettingChange removed(const CustomRuleAssociation& association) { return change(association, {}); }
SettingChange saved(const CustomRuleConfiguration& configuration) {
  return change(configuration, write(configuration));
}
SettingChange removed(const CustomRuleConfiguration& configuration) { return change(configuration, {}); }

}  // namespace picket
