#include "pipeline/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/clock.h"
#include "detectors/catalog.h"
#include "pipeline/feeds.h"
#include "pipeline/rule_controls.h"
#include "rules/custom_detection_rules.h"
#include "state/inventory_import.h"

namespace picket {

namespace {

// Feeds whose copy cannot be used are left out, and that is said.
Result<void> add_feeds(const Config& config, const std::filesystem::path& folder, IntelBuilder& builder,
                       std::vector<std::string>& notes) {
  const auto feeds = feeds_of(config);
  if (!feeds) return std::unexpected(feeds.error());
  const auto cache = FeedCache::open(folder);
  if (!cache) return std::unexpected(cache.error());
  std::size_t lists = 0, entries = 0;
  const TimeMs now = wall_clock();
  for (const FeedList& list : feed_lists(*feeds, *cache)) {
    const FeedCopy& copy = *cache->find(list.config.name);
    const auto content = cache->content(copy);
    const auto report =
        content ? add_intel_list(list.config, *content, builder) : std::unexpected(content.error());
    if (!report) {
      notes.push_back(fmt::format("feed {} left out: {}", list.config.name, report.error().message()));
      continue;
    }
    ++lists;
    entries += report->entries;
    if (is_old(*std::ranges::find(*feeds, list.config.name, &Feed::name), copy, now)) {
      notes.push_back(fmt::format("feed {} is {} days old: picket intel update", list.config.name,
                                  (now - copy.fetched) / day_ms));
    }
  }
  if (lists > 0) notes.push_back(fmt::format("{} feeds of {}: {} entries", lists, folder.string(), entries));
  return {};
}

}  // namespace

Result<std::vector<IntelListConfig>> configured_lists(const Config& config) {
  std::vector<IntelListConfig> lists;
  for (const IntelListKeys& keys : config.intel_lists) {
    IntelListConfig list;
    list.name = keys.name;
    list.kind = keys.kind == "trusted" ? IntelListKind::trusted : IntelListKind::threat;
    list.path = keys.path;
    const auto format = parse_intel_format(keys.format);
    if (!format) return std::unexpected(format.error());
    list.format = *format;
    if (!keys.category.empty()) {
      const auto category = parse_intel_category(keys.category);
      if (!category)
        return fail(ErrorKind::invalid, "intel.list.category: no such category: " + keys.category, keys.name);
      list.category = *category;
    }
    list.match = keys.match == "exact" ? DomainMatch::exact : DomainMatch::subdomains;
    lists.push_back(std::move(list));
  }
  return lists;
}

Result<LoadedIntel> load_intel(const Config& config, const std::filesystem::path& feeds) {
  LoadedIntel loaded;
  IntelBuilder builder;
  if (config.intel_builtin) builtin_intel(builder);
  if (config.intel_use_feeds) {
    if (auto added = add_feeds(config, feeds, builder, loaded.notes); !added)
      return std::unexpected(added.error());
  }
  const auto lists = configured_lists(config);
  if (!lists) return std::unexpected(lists.error());
  for (const IntelListConfig& list : *lists) {
    const auto report = load_intel_list(list, builder);
    if (!report) return std::unexpected(report.error());
    std::string note = fmt::format("list {}: {} entries", list.name, report->entries);
    for (const SetAside& aside : report->set_aside) {
      note +=
          fmt::format("; {} set aside: {} (first at line {})", aside.count, aside.reason, aside.first_line);
    }
    loaded.notes.push_back(std::move(note));
  }
  loaded.index = builder.build();
  return loaded;
}

Result<rules::LoadedRules> load_rules(const std::vector<std::string>& paths,
                                      const std::vector<std::string>& dry_run) {
  rules::SigmaLoader loader;
  for (const auto& [given, only_counted] : {std::pair{&paths, false}, std::pair{&dry_run, true}}) {
    for (const std::string& path : *given) {
      if (auto added = loader.add_path(path, only_counted); !added) return std::unexpected(added.error());
    }
  }
  return loader.finish();
}

unsigned default_threads() { return std::max(1U, std::thread::hardware_concurrency()); }

Lateness lateness_of(const Config& config) {
  Lateness lateness;
  lateness.of = {config.lateness_cloudtrail, config.lateness_vpcflow, config.lateness_dns,
                 config.lateness_k8saudit};
  for (const SourceKeys& source : config.sources)
    if (source.lateness) lateness.of_source.insert_or_assign(source.name, *source.lateness);
  return lateness;
}

Result<Setup> make_setup(const Config& config, const std::filesystem::path& feeds, unsigned threads,
                         const RecordFilter& filter) {
  Setup setup;
  auto intel = load_intel(config, feeds);
  if (!intel) return std::unexpected(intel.error());
  setup.notes = std::move(intel->notes);
  setup.intel_lists = *configured_lists(config);
  if (!config.geoip_databases.empty()) {
    auto geo = GeoTable::load(config.geoip_databases);
    if (!geo) return std::unexpected(geo.error());
    setup.geo = *geo;
  }
  std::vector<rules::Rule> all_rules = rules::custom_rules();
  if (!config.rules.empty() || !config.rules_dry_run.empty()) {
    auto loaded = load_rules(config.rules, config.rules_dry_run);
    if (!loaded) return std::unexpected(loaded.error());
    setup.notes.push_back(fmt::format("rules: {} loaded from {} files, {} refused", loaded->rules.size(),
                                      loaded->files, loaded->refused.size()));
    for (const rules::RefusedRule& refused : loaded->refused)
      setup.notes.push_back(fmt::format("rule refused: {}: {}", refused.where, refused.reason));
    std::ranges::move(loaded->rules, std::back_inserter(all_rules));
    setup.refused_rules = std::move(loaded->refused);
  }
  setup.rules = std::make_shared<const rules::RuleSet>(std::move(all_rules), all_detectors());
  EngineLimits limits;
  limits.identities_max = config.identities_max;
  limits.entity_bytes_max = config.entity_bytes_max;
  limits.decode.record_bytes_max = config.record_bytes_max;
  limits.decode.object_bytes_max = config.object_bytes_max;
  limits.filter = filter;
  if (threads == 0) threads = config.threads == 0 ? default_threads() : config.threads;
  auto modes = default_rule_modes(config);
  if (!modes) return std::unexpected(modes.error());
  setup.rule_modes = std::move(*modes);
  setup.engine = std::make_unique<Engine>(setup.rules->detectors(), intel->index, lateness_of(config), limits,
                                          threads, setup.rules);
  setup.engine->use_rule_modes(std::make_shared<const RuleModes>(setup.rule_modes));
  if (setup.geo) {
    setup.engine->facts().use_places([geo = setup.geo](const IpAddress& ip) -> std::optional<GeoPlace> {
      const GeoInfo info = geo->find(ip);
      if (!info.latitude || !info.longitude) return std::nullopt;
      return GeoPlace{std::string(info.country_code), *info.latitude, *info.longitude, info.asn,
                      std::string(info.as_org)};
    });
  }
  if (!config.aws_ranges.empty()) {
    auto ranges = AwsRanges::load(config.aws_ranges);
    if (!ranges) return std::unexpected(ranges.error());
    setup.notes.push_back(fmt::format("AWS address ranges: {} prefixes", ranges->prefixes()));
    const auto shared = std::make_shared<const AwsRanges>(std::move(*ranges));
    setup.engine->facts().use_aws_ranges(
        [shared](const IpAddress& ip) { return shared->find(ip) != nullptr; });
  }
  for (const std::string& path : config.inventory) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(ErrorKind::io, "cannot open the inventory", path);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    auto rows = import_inventory(text, "", "");
    if (!rows) {
      Error error = rows.error();
      error.where = path;
      return std::unexpected(error);
    }
    for (const FactRow& row : *rows) setup.engine->facts().learn(row);
    setup.notes.push_back(fmt::format("inventory {}: {} resources", path, rows->size()));
  }
  return setup;
}

}  // namespace picket
