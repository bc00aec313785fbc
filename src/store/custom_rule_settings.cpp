#include "store/custom_rule_settings.h"

#include <simdjson.h>

#include <algorithm>

#include "base/json_writer.h"

namespace picket {

namespace {

using simdjson::dom::element;

void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name);
  json.begin_array();
  for (const std::string& text : texts) json.value(text);
  json.end_array();
}

std::string write(const CustomRuleAssociation& association) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("rule_id", association.rule_id);
  json.member("mode", association.mode);
  json.member("created_at", association.created_at);
  json.member("updated_at", association.updated_at);
  if (association.expires_at) json.member("expires_at", *association.expires_at);
  json.key("tags");
  json.begin_object();
  for (const auto& [key, value] : association.tags) json.member(key, value);
  json.end_object();
  json.end_object();
  return out;
}

std::string write(const CustomRuleConfiguration& configuration) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("rule_id", configuration.rule_id);
  json.member("mode", configuration.mode);
  write_texts(json, "include", configuration.include);
  write_texts(json, "exclude", configuration.exclude);
  json.member("created_at", configuration.created_at);
  json.member("updated_at", configuration.updated_at);
  if (configuration.expires_at) json.member("expires_at", *configuration.expires_at);
  json.end_object();
  return out;
}

std::string text_of(const element& root, const char* name) {
  return std::string(std::string_view(root[name]));
}

std::optional<TimeMs> expiry_of(const element& root) {
  std::int64_t time = 0;
  if (root["expires_at"].get(time) != simdjson::SUCCESS) return std::nullopt;
  return time;
}

std::vector<std::string> texts_of(const element& root, const char* name) {
  std::vector<std::string> texts;
  for (const element item : simdjson::dom::array(root[name])) texts.emplace_back(std::string_view(item));
  return texts;
}

// These throw simdjson_error where the text is not what write() makes.
void read(const element& root, CustomRuleAssociation& association) {
  association.rule_id = text_of(root, "rule_id");
  association.mode = text_of(root, "mode");
  association.created_at = root["created_at"];
  association.updated_at = root["updated_at"];
  association.expires_at = expiry_of(root);
  for (const auto& [key, value] : simdjson::dom::object(root["tags"]))
    association.tags[std::string(key)] = std::string_view(value);
}

void read(const element& root, CustomRuleConfiguration& configuration) {
  configuration.rule_id = text_of(root, "rule_id");
  configuration.mode = text_of(root, "mode");
  configuration.include = texts_of(root, "include");
  configuration.exclude = texts_of(root, "exclude");
  configuration.created_at = root["created_at"];
  configuration.updated_at = root["updated_at"];
  configuration.expires_at = expiry_of(root);
}

template <class T, class Place>
Result<std::vector<T>> load(FindingStore& store, std::optional<std::string_view> account,
                            std::optional<std::string_view> region, std::string_view kind, Place place) {
  const auto settings = store.list_settings(account, region, kind);
  if (!settings) return std::unexpected(settings.error());
  std::vector<T> all;
  simdjson::dom::parser parser;
  for (const Setting& setting : *settings) {
    try {
      T one;
      read(parser.parse(setting.body), one);
      place(setting, one);
      all.push_back(std::move(one));
    } catch (const simdjson::simdjson_error& error) {
      return fail(ErrorKind::internal, std::string("a stored setting cannot be read: ") + error.what(),
                  setting.kind + ' ' + setting.account + '/' + setting.region + '/' + setting.id);
    }
  }
  return all;
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
  return load<CustomRuleAssociation>(store, account, region, custom_rule_association_kind,
                                     [](const Setting& setting, CustomRuleAssociation& one) {
                                       one.id = setting.id;
                                       one.account = setting.account;
                                       one.region = setting.region;
                                     });
}

Result<std::vector<CustomRuleConfiguration>> load_custom_rule_configurations(
    FindingStore& store, std::optional<std::string_view> administrator,
    std::optional<std::string_view> region) {
  return load<CustomRuleConfiguration>(store, administrator, region, custom_rule_configuration_kind,
                                       [](const Setting& setting, CustomRuleConfiguration& one) {
                                         one.administrator = setting.account;
                                         one.region = setting.region;
                                       });
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
