#include "rules/custom_detection_rules.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/text.h"
#include "rules/condition.h"
#include "state/facts.h"

namespace picket {

extern const std::string_view custom_detection_rules_toml;  // data/rules/custom_detection_rules.toml

}  // namespace picket

namespace picket::rules {

namespace {

std::string text_of(const toml::table& table, std::string_view name) {
  return table[name].value_or(std::string());
}

CustomDetectionRule::Attack attack_of(const toml::table& table, std::string_view name) {
  const toml::table* attack = table[name].as_table();
  return attack == nullptr ? CustomDetectionRule::Attack{}
                           : CustomDetectionRule::Attack{text_of(*attack, "name"), text_of(*attack, "id")};
}

std::optional<Severity> severity_named(std::string_view name) {
  if (name == "LOW") return Severity::low;
  if (name == "MEDIUM") return Severity::medium;
  if (name == "HIGH") return Severity::high;
  if (name == "CRITICAL") return Severity::critical;
  return std::nullopt;
}

Result<CustomDetectionRule> read(const toml::table& table) {
  CustomDetectionRule rule;
  rule.id = text_of(table, "id");
  rule.name = text_of(table, "name");
  rule.version = table["version"].value_or<std::int64_t>(0);
  rule.type = text_of(table, "type");
  rule.tactic = attack_of(table, "tactic");
  rule.technique = attack_of(table, "technique");
  rule.service = text_of(table, "service");
  rule.title = text_of(table, "title");
  rule.description = text_of(table, "description");
  rule.blind_spots = text_of(table, "blind_spots");
  rule.expression = text_of(table, "expression");
  rule.strangers_only = table["strangers_only"].value_or(false);
  if (const toml::array* show = table["show"].as_array()) {
    for (const toml::node& field : *show) rule.show.push_back(field.value_or(std::string()));
  }
  for (const std::string* needed : {&rule.id, &rule.name, &rule.type, &rule.tactic.id, &rule.technique.id,
                                    &rule.service, &rule.title, &rule.description, &rule.expression}) {
    if (needed->empty()) return fail(ErrorKind::invalid, "a custom detection rule lacks a member", rule.name);
  }
  const auto severity = severity_named(text_of(table, "severity"));
  if (!severity || rule.version < 1)
    return fail(ErrorKind::invalid, "its severity or version is missing", rule.name);
  rule.severity = *severity;
  auto when = parse_condition(rule.expression);
  if (!when) return fail(ErrorKind::invalid, when.error().message(), rule.name);
  rule.when = std::move(*when);
  return rule;
}

// Whether somebody is let in of whom no log is read. What is no account's number is everybody.
bool lets_in_strangers(Detection& detection, const Facts& facts) {
  constexpr std::array<std::string_view, 3> members{
      "requestParameters.launchPermission.add.items.userId",
      "requestParameters.createVolumePermission.add.items.userId", "requestParameters.valuesToAdd"};
  bool named = false;
  for (const auto& [name, value] : detection.evidence) {
    if (name.ends_with(".group")) return true;
    if (std::ranges::find(members, name) == members.end()) continue;
    named = true;
    for (std::string_view rest = value; !rest.empty();) {
      const std::string_view account = rest.substr(0, rest.find(", "));
      rest.remove_prefix(std::min(rest.size(), account.size() + 2));
      if (!is_account_id(account) ||
          (account != detection.subject.account && !facts.hears_from(account, detection.last.time)))
        return true;
    }
  }
  return !named;
}

}  // namespace

Result<std::vector<CustomDetectionRule>> parse_custom_detection_rules(std::string_view text) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return fail(ErrorKind::invalid, std::string(error.description()),
                fmt::format("line {}", error.source().begin.line));
  }
  std::vector<CustomDetectionRule> rules;
  if (const toml::array* list = root["rule"].as_array()) {
    for (const toml::node& node : *list) {
      if (!node.is_table()) return fail(ErrorKind::invalid, "rule must be a list of tables");
      auto rule = read(*node.as_table());
      if (!rule) return std::unexpected(rule.error());
      rules.push_back(std::move(*rule));
    }
  }
  std::ranges::sort(rules, {}, &CustomDetectionRule::name);
  return rules;
}

std::span<const CustomDetectionRule> custom_detection_rules() {
  static const std::vector<CustomDetectionRule> rules = [] {
    auto parsed = parse_custom_detection_rules(custom_detection_rules_toml);
    if (!parsed) throw std::logic_error("custom detection rules: " + parsed.error().message());
    return std::move(*parsed);
  }();
  return rules;
}

const CustomDetectionRule* find_custom_detection_rule(std::string_view id) {
  const auto rules = custom_detection_rules();
  const auto found = std::ranges::find(rules, id, &CustomDetectionRule::id);
  return found == rules.end() ? nullptr : &*found;
}

const CustomDetectionRule* custom_detection_rule_named(std::string_view name) {
  const auto rules = custom_detection_rules();
  const auto found = std::ranges::find(rules, name, &CustomDetectionRule::name);
  return found == rules.end() ? nullptr : &*found;
}

std::vector<Rule> custom_rules() {
  std::vector<Rule> rules;
  for (const CustomDetectionRule& custom : custom_detection_rules()) {
    Rule rule;
    rule.id = custom.id;
    rule.name = custom.name;
    rule.title = custom.title;
    rule.description = "{principal} called {api} from {remote_ip}. " + custom.description;
    rule.blind_spots = custom.blind_spots;
    rule.origin_text = "custom detection rule";
    rule.origin = Origin::guardduty;
    rule.type = custom.type;
    rule.severity = number_of(custom.severity);
    rule.tactic = custom.tactic.id;
    rule.technique = custom.technique.id;
    rule.issue = {key::principal};
    rule.fields = custom.show;
    rule.when = custom.when;
    if (custom.strangers_only) rule.with_facts = lets_in_strangers;
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace picket::rules
