// What the API stands on. The finding store is spoken to directly; the rest are questions only the running
// service can answer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "engine/rule_modes.h"
#include "ledger/usage.h"
#include "state/entities.h"
#include "state/facts.h"
#include "store/finding_store.h"

namespace picket::respond {
class Rules;
}
namespace picket::rules {
class RuleSet;
struct RefusedRule;
}  // namespace picket::rules
namespace picket::playbook {
class Playbooks;
}

namespace picket::api {

class AuditLog;

struct OrganizationAccount {
  std::string id, name, email;  // name and email may be empty
  std::string role;             // "member", "delegated-administrator" or empty
};

// What the configuration tells of the organisation. Accounts seen in logs belong to it too.
struct Organization {
  std::string id;
  std::string management_account;  // empty: there is no organisation
  std::vector<OrganizationAccount> accounts;
};

// How many sets an account may have in a Region: GuardDuty's quotas.
struct ListSetLimits {
  unsigned trusted_ip_sets = 1, threat_intel_sets = 6;
  unsigned trusted_entity_sets = 1, threat_entity_sets = 6;
};

struct Backend {
  FindingStore* store = nullptr;  // outlives the API
  // When logs of this account (empty: of any account) and Region were first seen; absent: never.
  std::function<std::optional<TimeMs>(std::string_view account, std::string_view region)> first_seen;
  // Accounts and Regions that logs were seen of, in order; may be empty.
  std::function<std::vector<std::pair<std::string, std::string>>()> places;
  std::function<TimeMs()> now;
  Organization organization;
  AuditLog* audit = nullptr;  // outlives the API; null: calls are not logged
  // What coverage and usage are told from; absent: nothing was seen.
  std::function<std::shared_ptr<const std::vector<ResourceFact>>()> resources = {};
  std::function<std::shared_ptr<const Usage>()> usage = {};
  // What is kept of entities; outlives the API. Null: nothing.
  const Entities* entities = nullptr;
  // What the principal of an account does, as of a day since 1970.
  std::function<UsualBehaviour(std::string_view account, std::string_view principal, std::int32_t day)>
      usual = {};
  std::function<std::optional<GeoPlace>(const IpAddress&)> place = {};
  // A log record by its object's key and its number in it.
  std::function<Result<std::string>(const std::string& object, std::uint64_t position)> read_record = {};
  std::string version = {};
  bool auto_detectors = true;  // an enabled detector exists for every account and Region seen
  ListSetLimits list_set_limits;
  const respond::Rules* rules = nullptr;     // where findings are sent; null: nowhere. Outlives the API
  playbook::Playbooks* playbooks = nullptr;  // outlives the API; null: there are none
  std::function<Result<std::string>()> feeds = {};  // what is known of the feeds, a JSON list; may be empty
  std::function<std::string()> responders = {};     // targets and how sending goes, a JSON list; may be empty
  // Rules of users, those that could not be loaded, and what dry runs counted. Outlive the API; may be null,
  // empty.
  const rules::RuleSet* rule_set = nullptr;
  std::span<const rules::RefusedRule> refused_rules = {};
  std::function<DryRunCounts()> dry_runs = {};
};

}  // namespace picket::api
