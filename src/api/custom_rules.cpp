// AWS's custom detection rules: the catalogue, associations of accounts, and configurations of an
// organisation. A configuration means an association in every account that it covers and that has none of its
// own for the rule; when it is deleted, they stay.
#include <fmt/format.h>

#include <algorithm>

#include "api/handlers.h"
#include "api/ids.h"
#include "api/organization.h"
#include "api/paging.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "finding/detector_id.h"
#include "rules/custom_detection_rules.h"
#include "store/custom_rule_settings.h"

namespace picket::api {

namespace {

using rules::CustomDetectionRule;
using simdjson::dom::element;
using Accounts = std::vector<std::string>;

// ---- the catalogue ----

std::string severity_name(const CustomDetectionRule& rule) { return upper(name_of(rule.severity)); }

void write_rule(JsonWriter& json, const Call& call, const CustomDetectionRule& rule, bool whole) {
  json.begin_object();
  json.member("ruleId", rule.id);
  json.member("arn", fmt::format("arn:{}:guardduty:{}:aws:custom-detection-rule/{}",
                                 partition_of(call.region), call.region, rule.id));
  json.member("name", rule.name);
  json.member("description", rule.description);
  json.member("severity", severity_name(rule));
  json.member("dataSource", "CloudTrailManagementEvent");
  json.member("tactic", rule.tactic.name);
  json.member("technique", rule.technique.name);
  json.member("service", rule.service);
  json.member("language", "SQL");
  json.member("schema", "CloudTrail");
  if (whole) {
    json.key("definition");
    json.begin_object();
    json.member("expression", rule.expression);
    json.end_object();
  }
  json.member_raw("createdAt", epoch_seconds(rules::custom_detection_rules_created_at));
  json.member_raw("updatedAt", epoch_seconds(rules::custom_detection_rules_created_at));
  json.end_object();
}

std::string field_of(const CustomDetectionRule& rule, std::string_view name) {
  if (name == "name") return rule.name;
  if (name == "description") return rule.description;
  if (name == "dataSource") return "CloudTrailManagementEvent";
  if (name == "severity") return severity_name(rule);
  if (name == "tactic") return rule.tactic.name;
  if (name == "technique") return rule.technique.name;
  return rule.service;
}

// Any value of each filter; CONTAINS whatever the case.
bool passes(const CustomDetectionRule& rule, const simdjson::dom::array& filters) {
  return std::all_of(filters.begin(), filters.end(), [&](const element& filter) {
    std::string_view condition;
    if (filter["condition"].get(condition) != simdjson::SUCCESS) condition = "EQUALS";
    const std::string field = field_of(rule, filter["name"]);
    const simdjson::dom::array values = filter["values"];
    return std::any_of(values.begin(), values.end(), [&](const element& value) {
      const std::string_view text = value;
      return condition == "EQUALS" ? field == text : upper(field).find(upper(text)) != std::string::npos;
    });
  });
}

std::expected<const CustomDetectionRule*, ApiError> rule_of(std::string_view id) {
  const CustomDetectionRule* rule = rules::find_custom_detection_rule(id);
  if (rule == nullptr) return resource_not_found();
  return rule;
}

// ---- associations ----

struct Association {
  CustomRuleAssociation it;
  bool own = true;  // else by a configuration of the organisation
};

std::string arn_of(const Call& call, const CustomRuleAssociation& association) {
  return fmt::format("arn:{}:guardduty:{}:{}:custom-detection-rule/{}/association/{}",
                     partition_of(call.region), association.region, association.account, association.rule_id,
                     association.id);
}

std::string id_of(const CustomRuleConfiguration& of, std::string_view account) {
  const std::uint64_t place = hash64(account, hash64(of.region, hash64(of.administrator)));
  return fmt::format("{:016x}{:016x}", hash64(of.rule_id, place), hash64(of.mode, place));
}

CustomRuleAssociation meant_by(const CustomRuleConfiguration& configuration, std::string_view account) {
  return {.id = id_of(configuration, account),
          .account = std::string(account),
          .region = configuration.region,
          .rule_id = configuration.rule_id,
          .mode = configuration.mode,
          .created_at = configuration.created_at,
          .updated_at = configuration.updated_at,
          .expires_at = configuration.expires_at,
          .tags = {}};
}

const Association* find_for_rule(const std::vector<Association>& associations, std::string_view rule_id) {
  const auto found =
      std::ranges::find(associations, rule_id, [](const Association& a) { return a.it.rule_id; });
  return found == associations.end() ? nullptr : &*found;
}

// Those in force, its own before the organisation's; each rule once.
std::expected<std::vector<Association>, ApiError> associations_of(const Call& call,
                                                                  const std::string& account) {
  auto own = load_custom_rule_associations(call.store(), account, call.region);
  if (!own) return store_error(own.error(), "associationId");
  std::vector<Association> all;
  for (CustomRuleAssociation& one : *own) {
    if (!one.expired(call.now)) all.push_back({std::move(one), true});
  }
  if (!in_organization(call.backend, account)) return all;
  const auto configurations = load_custom_rule_configurations(call.store(), std::nullopt, call.region);
  if (!configurations) return store_error(configurations.error(), "ruleId");
  for (const CustomRuleConfiguration& one : *configurations) {
    if (one.expired(call.now) || !one.covers(account) || find_for_rule(all, one.rule_id) != nullptr) continue;
    all.push_back({meant_by(one, account), false});
  }
  return all;
}

void write_association(JsonWriter& json, const Call& call, const CustomRuleAssociation& association,
                       bool whole) {
  json.begin_object();
  json.member("associationId", association.id);
  json.member("arn", arn_of(call, association));
  json.member("ruleId", association.rule_id);
  if (whole) json.member("accountId", association.account);
  json.member("mode", association.mode);
  json.member_raw("createdAt", epoch_seconds(association.created_at));
  json.member_raw("updatedAt", epoch_seconds(association.updated_at));
  if (association.expires_at) json.member_raw("expiresAt", epoch_seconds(*association.expires_at));
  json.end_object();
}

std::expected<Association, ApiError> association_of(const Call& call) {
  auto all = associations_of(call, call.caller.account);
  if (!all) return std::unexpected(all.error());
  for (Association& one : *all) {
    if (one.it.rule_id == call.uri.at("ruleId") && one.it.id == call.uri.at("associationId"))
      return std::move(one);
  }
  return resource_not_found();
}

std::expected<CustomRuleAssociation, ApiError> own_association_of(const Call& call) {
  auto one = association_of(call);
  if (!one) return std::unexpected(one.error());
  if (!one->own)
    return access_denied(
        "The association is part of a configuration of your organization, which only its administrator "
        "changes.");
  return std::move(one->it);
}

// ---- configurations of an organisation ----

std::expected<void, ApiError> require_organizations_administrator(const Call& call) {
  const auto administrator = organization_administrator(call.backend, call.region);
  if (!administrator) return store_error(administrator.error(), "ruleId");
  if (administrator->empty() || *administrator != call.caller.account)
    return access_denied(
        "Only the account that administers GuardDuty for an organization may configure rules for it.");
  return {};
}

std::expected<std::vector<CustomRuleConfiguration>, ApiError> configurations_of(const Call& call) {
  if (const auto ok = require_organizations_administrator(call); !ok) return std::unexpected(ok.error());
  auto all = load_custom_rule_configurations(call.store(), call.caller.account, call.region);
  if (!all) return store_error(all.error(), "ruleId");
  std::erase_if(*all, [&](const CustomRuleConfiguration& one) { return one.expired(call.now); });
  return std::move(*all);
}

std::expected<CustomRuleConfiguration, ApiError> configuration_of(
    const std::vector<CustomRuleConfiguration>& all, std::string_view rule_id, std::string_view mode) {
  for (const CustomRuleConfiguration& one : all)
    if (one.rule_id == rule_id && one.mode == mode) return one;
  return resource_not_found();
}

// Reads the lists of the call into the configuration, and checks them against that of the other mode.
std::expected<void, ApiError> take_accounts(const Call& call, const std::vector<CustomRuleConfiguration>& all,
                                            CustomRuleConfiguration& configuration) {
  configuration.include = call.strings("includeAccountIds");
  configuration.exclude = call.strings("excludeAccountIds");
  if (!configuration.include.empty() && !configuration.exclude.empty())
    return bad_request(
        "The request is rejected because includeAccountIds and excludeAccountIds cannot be given together.");
  for (const auto& [name, accounts] : {std::pair("includeAccountIds", &configuration.include),
                                       std::pair("excludeAccountIds", &configuration.exclude)}) {
    std::ranges::sort(*accounts);
    accounts->erase(std::ranges::unique(*accounts).begin(), accounts->end());
    for (const std::string& account : *accounts)
      if (!in_organization(call.backend, account)) return invalid_parameter(name);
  }
  for (const CustomRuleConfiguration& other : all) {
    if (other.rule_id != configuration.rule_id || other.mode == configuration.mode) continue;
    const bool overlap = configuration.include.empty() || other.include.empty() ||
                         std::ranges::any_of(configuration.include, [&](const std::string& account) {
                           return other.covers(account);
                         });
    if (overlap)
      return conflict(
          fmt::format("The rule has a configuration with the mode {}; both modes of a rule need "
                      "lists of included accounts that do not overlap.",
                      other.mode));
  }
  return {};
}

void write_configuration(JsonWriter& json, const CustomRuleConfiguration& configuration, bool whole) {
  json.begin_object();
  json.member("ruleId", configuration.rule_id);
  json.member("mode", configuration.mode);
  json.member("status", "ACTIVE");  // what is stored holds from the next epoch on
  if (whole) {
    for (const auto& [name, accounts] : {std::pair("includeAccountIds", &configuration.include),
                                         std::pair("excludeAccountIds", &configuration.exclude)}) {
      json.member(name, *accounts);
    }
  }
  json.member_raw("createdAt", epoch_seconds(configuration.created_at));
  json.member_raw("updatedAt", epoch_seconds(configuration.updated_at));
  if (configuration.expires_at) json.member_raw("expiresAt", epoch_seconds(*configuration.expires_at));
  json.end_object();
}

// The rows of the call's page, each written by `write`, as the list `name`.
template <class Row>
Answer listed(const Call& call, std::string_view name, const std::vector<std::pair<std::string, Row>>& rows,
              const auto& write) {
  std::vector<std::string> keys;
  for (const auto& [key, row] : rows) keys.push_back(key);
  return paged(call, name, keys, [&](JsonWriter& json, std::size_t row) { write(json, rows[row].second); });
}

// A parameter of the query; absent when it was not given.
std::optional<std::string> asked(const Call& call, std::string_view name) {
  for (const auto& [key, value] : call.query)
    if (key == name) return value;
  return std::nullopt;
}

}  // namespace

Answer list_custom_detection_rules(Call& call) {
  std::vector<std::pair<std::string, const CustomDetectionRule*>> rows;
  const auto filters = call.member("filters");
  for (const CustomDetectionRule& rule : rules::custom_detection_rules()) {
    if (!filters || passes(rule, simdjson::dom::array(*filters))) rows.emplace_back(rule.name, &rule);
  }
  std::ranges::sort(rows);
  return listed(call, "rules", rows, [&](JsonWriter& json, const CustomDetectionRule* rule) {
    write_rule(json, call, *rule, false);
  });
}

Answer get_custom_detection_rule(Call& call) {
  const auto rule = rule_of(call.uri.at("ruleId"));
  if (!rule) return std::unexpected(rule.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("rule");
  write_rule(json, call, **rule, true);
  json.end_object();
  return out;
}

Answer create_custom_detection_rule_association(Call& call) {
  const auto rule = rule_of(*call.text("ruleId"));
  if (!rule) return std::unexpected(rule.error());
  const auto all = associations_of(call, call.caller.account);
  if (!all) return std::unexpected(all.error());
  if (find_for_rule(*all, (*rule)->id) != nullptr)
    return conflict("The rule is associated with this account already.");
  CustomRuleAssociation made{.id = new_id(),
                             .account = call.caller.account,
                             .region = call.region,
                             .rule_id = (*rule)->id,
                             .created_at = call.now,
                             .tags = string_map(call.member("tags"))};
  made.set_mode(*call.text("mode"), call.now);
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("ruleAssociation");
  write_association(json, call, made, true);
  json.end_object();
  return call.commit({managed_custom_rules(call.caller.account, call.region), saved(made)}, out);
}

Answer get_custom_detection_rule_association(Call& call) {
  const auto found = association_of(call);
  if (!found) return std::unexpected(found.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("ruleAssociation");
  write_association(json, call, found->it, true);
  json.member("tags", found->it.tags);
  json.end_object();
  return out;
}

Answer list_custom_detection_rule_associations(Call& call) {
  const auto all = associations_of(call, call.caller.account);
  if (!all) return std::unexpected(all.error());
  const auto rule_id = asked(call, "ruleId"), mode = asked(call, "mode");
  std::vector<std::pair<std::string, const CustomRuleAssociation*>> rows;
  for (const Association& one : *all) {
    if ((!rule_id || one.it.rule_id == *rule_id) && (!mode || one.it.mode == *mode))
      rows.emplace_back(one.it.id, &one.it);
  }
  std::ranges::sort(rows);
  return listed(call, "ruleAssociations", rows, [&](JsonWriter& json, const CustomRuleAssociation* one) {
    write_association(json, call, *one, false);
  });
}

Answer update_custom_detection_rule_association(Call& call) {
  auto association = own_association_of(call);
  if (!association) return std::unexpected(association.error());
  association->set_mode(*call.text("mode"), call.now);
  return call.commit({saved(*association)}, "{}");
}

Answer delete_custom_detection_rule_association(Call& call) {
  const auto association = own_association_of(call);
  if (!association) return std::unexpected(association.error());
  return call.commit({removed(*association)}, "{}");
}

Answer create_custom_detection_rule_org_configuration(Call& call) {
  const auto all = configurations_of(call);
  if (!all) return std::unexpected(all.error());
  const auto rule = rule_of(*call.text("ruleId"));
  if (!rule) return std::unexpected(rule.error());
  CustomRuleConfiguration made{.administrator = call.caller.account,
                               .region = call.region,
                               .rule_id = (*rule)->id,
                               .mode = *call.text("mode"),
                               .include = {},
                               .exclude = {},
                               .created_at = call.now,
                               .updated_at = call.now,
                               .expires_at = {}};
  if (made.mode == "DRY_RUN") made.expires_at = call.now + dry_run_span;
  if (configuration_of(*all, made.rule_id, made.mode))
    return conflict("The rule has a configuration with this mode already.");
  if (const auto ok = take_accounts(call, *all, made); !ok) return std::unexpected(ok.error());
  return call.commit({managed_custom_rules("", call.region), saved(made)}, "{}");
}

Answer get_custom_detection_rule_org_configuration(Call& call) {
  const auto all = configurations_of(call);
  if (!all) return std::unexpected(all.error());
  const auto found = configuration_of(*all, call.uri.at("ruleId"), asked(call, "mode").value_or(""));
  if (!found) return std::unexpected(found.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("configuration");
  write_configuration(json, *found, true);
  json.end_object();
  return out;
}

Answer list_custom_detection_rule_org_configurations(Call& call) {
  const auto all = configurations_of(call);
  if (!all) return std::unexpected(all.error());
  const auto status = asked(call, "status");
  std::vector<std::pair<std::string, const CustomRuleConfiguration*>> rows;
  if (!status || *status == "ACTIVE") {
    for (const CustomRuleConfiguration& one : *all) rows.emplace_back(one.rule_id + '/' + one.mode, &one);
  }
  std::ranges::sort(rows);
  return listed(call, "configurations", rows, [](JsonWriter& json, const CustomRuleConfiguration* one) {
    write_configuration(json, *one, false);
  });
}

Answer update_custom_detection_rule_org_configuration(Call& call) {
  const auto all = configurations_of(call);
  if (!all) return std::unexpected(all.error());
  auto found = configuration_of(*all, call.uri.at("ruleId"), *call.text("mode"));
  if (!found) return std::unexpected(found.error());
  if (const auto ok = take_accounts(call, *all, *found); !ok) return std::unexpected(ok.error());
  found->updated_at = call.now;
  return call.commit({saved(*found)}, "{}");
}

Answer delete_custom_detection_rule_org_configuration(Call& call) {
  const auto all = configurations_of(call);
  if (!all) return std::unexpected(all.error());
  const auto found = configuration_of(*all, call.uri.at("ruleId"), asked(call, "mode").value_or(""));
  if (!found) return std::unexpected(found.error());
  std::vector<SettingChange> changes{removed(*found)};
  for (const OrganizationAccount& account : organization_accounts(call.backend)) {
    const auto associations = associations_of(call, account.id);
    if (!associations) return std::unexpected(associations.error());
    const Association* association = find_for_rule(*associations, found->rule_id);
    if (association != nullptr && !association->own && association->it.mode == found->mode)
      changes.push_back(saved(association->it));
  }
  return call.commit(std::move(changes), "{}");
}

}  // namespace picket::api
