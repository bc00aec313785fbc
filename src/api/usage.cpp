// GetUsageStatistics and GetRemainingFreeTrialDays, from the ledger of what was read. picket charges nothing:
// asked for USD it answers 0, otherwise it tells the volume, in the unit that the answer names.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>

#include "api/handlers.h"
#include "api/paging.h"
#include "base/json_writer.h"

namespace picket::api {

namespace {

struct FeatureName {
  UsageFeature feature;
  std::string_view name, data_source;  // the feature's, and that of its deprecated twin
};
constexpr std::array<FeatureName, 5> feature_names{
    FeatureName{UsageFeature::cloud_trail, "CLOUD_TRAIL", "CLOUD_TRAIL"},
    FeatureName{UsageFeature::s3_data_events, "S3_DATA_EVENTS", "S3_LOGS"},
    FeatureName{UsageFeature::flow_logs, "FLOW_LOGS", "FLOW_LOGS"},
    FeatureName{UsageFeature::dns_logs, "DNS_LOGS", "DNS_LOGS"},
    FeatureName{UsageFeature::eks_audit_logs, "EKS_AUDIT_LOGS", "KUBERNETES_AUDIT_LOGS"}};

const FeatureName& names_of(UsageFeature feature) {
  return *std::ranges::find(feature_names, feature, &FeatureName::feature);
}

enum class Unit : std::uint8_t { bytes, records, usd };
constexpr std::array<std::string_view, 3> unit_names{"BYTES", "RECORDS", "USD"};

void write_total(JsonWriter& json, Unit unit, const UsageVolume& volume) {
  json.key("total");
  json.begin_object();
  json.member("amount", std::to_string(unit == Unit::bytes     ? volume.bytes
                                       : unit == Unit::records ? volume.records
                                                               : 0));
  json.member("unit", unit_names[static_cast<std::size_t>(unit)]);
  json.end_object();
}

std::set<std::string, std::less<>> texts(const Call& call, std::string_view name) {
  std::set<std::string, std::less<>> out;
  simdjson::dom::array values;
  const auto criteria = call.member("usageCriteria");
  if (!criteria || (*criteria)[name].get(values) != simdjson::SUCCESS) return out;
  for (const auto value : values) out.emplace(std::string_view(value));
  return out;
}

// Which rows of the ledger a call means. An empty set is no restriction.
struct Selection {
  std::set<std::string, std::less<>> accounts, features, data_sources, resources;
  Scope scope;
  std::string region;

  explicit Selection(const Call& call)
      : accounts(texts(call, "accountIds")),
        features(texts(call, "features")),
        data_sources(texts(call, "dataSources")),
        resources(texts(call, "resources")),
        scope(call.scope()),
        region(call.region) {}

  bool holds(const UsageKey& key) const {
    const auto in = [](const auto& set, std::string_view value) {
      return set.empty() || set.contains(value);
    };
    const FeatureName& names = names_of(key.feature);
    return key.region == region && key.account.size() == 12 && in(accounts, key.account) &&
           in(features, names.name) && in(data_sources, names.data_source) && in(resources, key.resource) &&
           (!scope.accounts || std::ranges::find(*scope.accounts, key.account) != scope.accounts->end());
  }
};

using Sums = std::map<std::string, UsageVolume>;

Sums sum_by(const Call& call, const Selection& selection,
            const std::function<std::string(const UsageKey&)>& name) {
  Sums sums;
  if (!call.backend.usage) return sums;
  const auto usage = call.backend.usage();
  for (const auto& [key, volume] : usage->rows())
    if (selection.holds(key)) sums[name(key)].add(volume);
  return sums;
}

// Greatest first, by a text that sorts so.
std::string rank(const UsageVolume& volume, std::string_view name) {
  return fmt::format("{:020}\x1f{}", ~volume.bytes, name);
}

// One page of {"usageStatistics": {LIST: […]}}; `write` writes the row of the key at an index.
Answer page_of_statistics(const Call& call, std::string_view list, std::span<const std::string> keys,
                          const std::function<void(JsonWriter& json, std::size_t index)>& write) {
  const auto page = page_of(call, keys);
  if (!page) return std::unexpected(page.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("usageStatistics");
  json.begin_object();
  json.key(list);
  json.begin_array();
  for (std::size_t index = page->begin; index < page->end; ++index) write(json, index);
  json.end_array();
  json.end_object();
  if (!page->next_token.empty()) json.member("nextToken", page->next_token);
  json.end_object();
  return out;
}

void write_sum(JsonWriter& json, Unit unit, std::string_view member, const Sums::value_type& sum) {
  json.begin_object();
  json.member(member, sum.first);
  write_total(json, unit, sum.second);
  json.end_object();
}

using Ranked = std::map<std::string, const Sums::value_type*>;

Ranked ranked(const Sums& sums) {
  Ranked rows;
  for (const auto& row : sums) rows[rank(row.second, row.first)] = &row;
  return rows;
}

// Rows {MEMBER: name, total}, ordered by name or with `top` greatest first.
Answer page_of_sums(const Call& call, Unit unit, std::string_view list, std::string_view member,
                    const Sums& sums, bool top) {
  Ranked rows;
  if (top) rows = ranked(sums);
  if (!top)
    for (const auto& row : sums) rows[row.first] = &row;
  std::vector<std::string> keys;
  for (const auto& [key, row] : rows) keys.push_back(key);
  return page_of_statistics(call, list, keys, [&](JsonWriter& json, std::size_t index) {
    write_sum(json, unit, member, *rows.at(keys[index]));
  });
}

Answer top_accounts(const Call& call, Unit unit, const Selection& selection) {
  constexpr std::size_t accounts_max = 20;  // of one feature
  std::vector<std::string> features;
  std::map<std::string, Sums> by_feature;
  for (const FeatureName& names : feature_names) {
    Sums sums = sum_by(call, selection, [&](const UsageKey& key) {
      return key.feature == names.feature ? key.account : std::string();
    });
    sums.erase("");
    if (sums.empty()) continue;
    by_feature[std::string(names.name)] = std::move(sums);
  }
  for (const auto& [name, sums] : by_feature) features.push_back(name);
  return page_of_statistics(call, "topAccountsByFeature", features, [&](JsonWriter& json, std::size_t index) {
    json.begin_object();
    json.member("feature", features[index]);
    json.key("accounts");
    json.begin_array();
    std::size_t shown = 0;
    for (const auto& [key, row] : ranked(by_feature.at(features[index]))) {
      if (shown++ == accounts_max) break;
      write_sum(json, unit, "accountId", *row);
    }
    json.end_array();
    json.end_object();
  });
}

// ---- free trial ----

constexpr std::int64_t trial_days = 30;  // GuardDuty's, of each feature

std::int64_t days_left(TimeMs since, TimeMs now) {
  return std::clamp<std::int64_t>(trial_days - (now - since) / day_ms, 0, trial_days);
}

// The features of the trial, with the detector's that switches each.
struct TrialFeature {
  std::string_view name, detector_feature;  // empty: always on
};
constexpr std::array<TrialFeature, 12> trial_features{
    TrialFeature{"FLOW_LOGS", ""},
    TrialFeature{"CLOUD_TRAIL", ""},
    TrialFeature{"DNS_LOGS", ""},
    TrialFeature{"S3_DATA_EVENTS", "S3_DATA_EVENTS"},
    TrialFeature{"EKS_AUDIT_LOGS", "EKS_AUDIT_LOGS"},
    TrialFeature{"EBS_MALWARE_PROTECTION", "EBS_MALWARE_PROTECTION"},
    TrialFeature{"RDS_LOGIN_EVENTS", "RDS_LOGIN_EVENTS"},
    TrialFeature{"LAMBDA_NETWORK_LOGS", "LAMBDA_NETWORK_LOGS"},
    TrialFeature{"EKS_RUNTIME_MONITORING", "EKS_RUNTIME_MONITORING"},
    TrialFeature{"EC2_RUNTIME_MONITORING", "RUNTIME_MONITORING"},
    TrialFeature{"FARGATE_RUNTIME_MONITORING", "RUNTIME_MONITORING"},
    TrialFeature{"AI_PROTECTION", "AI_PROTECTION"}};

std::int64_t days_left(const TrialFeature& trial, const DetectorSettings& detector, TimeMs now) {
  if (trial.detector_feature.empty()) return days_left(detector.created_at, now);
  const auto feature = detector.features.find(std::string(trial.detector_feature));
  if (feature == detector.features.end() || !feature->second.enabled) return trial_days;  // not begun
  return days_left(feature->second.updated_at, now);
}

void write_trial(JsonWriter& json, const std::string& account, const DetectorSettings& detector, TimeMs now) {
  const auto days = [&](std::string_view name) {
    return days_left(*std::ranges::find(trial_features, name, &TrialFeature::name), detector, now);
  };
  const auto source = [&](const char* member, std::string_view feature) {
    json.key(member);
    json.begin_object();
    json.member("freeTrialDaysRemaining", days(feature));
    json.end_object();
  };
  json.begin_object();
  json.member("accountId", account);
  json.key("dataSources");
  json.begin_object();
  source("cloudTrail", "CLOUD_TRAIL");
  source("dnsLogs", "DNS_LOGS");
  source("flowLogs", "FLOW_LOGS");
  source("s3Logs", "S3_DATA_EVENTS");
  json.key("kubernetes");
  json.begin_object();
  source("auditLogs", "EKS_AUDIT_LOGS");
  json.end_object();
  json.key("malwareProtection");
  json.begin_object();
  source("scanEc2InstanceWithFindings", "EBS_MALWARE_PROTECTION");
  json.end_object();
  json.end_object();
  json.key("features");
  json.begin_array();
  for (const TrialFeature& trial : trial_features) {
    json.begin_object();
    json.member("name", trial.name);
    json.member("freeTrialDaysRemaining", days_left(trial, detector, now));
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

}  // namespace

Answer get_usage_statistics(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const auto unit_name = std::ranges::find(unit_names, call.text("unit").value_or("BYTES"));
  if (unit_name == unit_names.end())
    return invalid_parameter("unit", fmt::format("it is none of {}", fmt::join(unit_names, ", ")));
  const auto unit = static_cast<Unit>(unit_name - unit_names.begin());
  const Selection selection(call);
  const std::string type = *call.text("usageStatisticsType");
  const auto sums = [&](const auto& name) { return sum_by(call, selection, name); };
  if (type == "SUM_BY_ACCOUNT")
    return page_of_sums(call, unit, "sumByAccount", "accountId",
                        sums([](const UsageKey& key) { return key.account; }), false);
  if (type == "SUM_BY_DATA_SOURCE")
    return page_of_sums(
        call, unit, "sumByDataSource", "dataSource",
        sums([](const UsageKey& key) { return std::string(names_of(key.feature).data_source); }), false);
  if (type == "SUM_BY_FEATURES")
    return page_of_sums(call, unit, "sumByFeature", "feature",
                        sums([](const UsageKey& key) { return std::string(names_of(key.feature).name); }),
                        false);
  const auto by_resource = [](const UsageKey& key) { return key.resource; };
  if (type == "SUM_BY_RESOURCE")
    return page_of_sums(call, unit, "sumByResource", "resource", sums(by_resource), false);
  if (type == "TOP_RESOURCES")
    return page_of_sums(call, unit, "topResources", "resource", sums(by_resource), true);
  return top_accounts(call, unit, selection);
}

Answer get_remaining_free_trial_days(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  const Scope scope = call.scope();
  std::string accounts, unprocessed;
  JsonWriter known(accounts), unknown(unprocessed);
  known.begin_array();
  unknown.begin_array();
  const std::vector<std::string> ids = call.strings("accountIds");
  for (const std::string& account : std::set<std::string>(ids.begin(), ids.end())) {
    const bool visible =
        !scope.accounts || std::ranges::find(*scope.accounts, account) != scope.accounts->end();
    std::optional<DetectorSettings> detector;
    if (visible) {
      auto found = detector_of_account(call, account);
      if (!found) return std::unexpected(found.error());
      detector = std::move(*found);
    }
    if (detector) {
      write_trial(known, account, *detector, call.now);
      continue;
    }
    unknown.begin_object();
    unknown.member("accountId", account);
    unknown.member(
        "result",
        "The request is rejected because the current account is not the GuardDuty administrator of "
        "the given account ID, or the account has no detector.");
    unknown.end_object();
  }
  known.end_array();
  unknown.end_array();
  return "{\"accounts\":" + accounts + ",\"unprocessedAccounts\":" + unprocessed + "}";
}

}  // namespace picket::api
