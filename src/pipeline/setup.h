// What an engine needs beside detectors, made from the configuration: indicators, geography, AWS's ranges,
// the imported inventory, limits. `scan` and `serve` share it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "engine/engine.h"
#include "engine/rule_modes.h"
#include "enrich/aws_ranges.h"
#include "enrich/geo.h"
#include "enrich/intel.h"
#include "enrich/intel_config.h"
#include "rules/rule_set.h"
#include "rules/sigma.h"

namespace picket {

struct Setup {
  std::shared_ptr<const rules::RuleSet> rules;  // AWS's and the user's; outlives the engine
  std::vector<rules::RefusedRule> refused_rules;
  std::unique_ptr<Engine> engine;
  std::shared_ptr<const GeoTable> geo;       // nullptr without databases
  std::vector<std::string> notes;            // what was loaded, and which entries of lists were set aside
  std::vector<IntelListConfig> intel_lists;  // of the configuration
  RuleModes rule_modes;                      // of custom detection rules that the API says nothing about
};

struct LoadedIntel {
  std::shared_ptr<const IntelIndex> index;
  std::vector<std::string> notes;
};
Result<std::vector<IntelListConfig>> configured_lists(const Config& config);
// The built-in lists, the fetched feeds kept in `feeds` and the configured lists.
Result<LoadedIntel> load_intel(const Config& config, const std::filesystem::path& feeds);

// The rules of some files and folders, of `dry_run` only to be counted; those that cannot be loaded are among
// the refused.
Result<rules::LoadedRules> load_rules(const std::vector<std::string>& paths,
                                      const std::vector<std::string>& dry_run = {});

Lateness lateness_of(const Config& config);

// `threads` 0: as configured, else one per core.
Result<Setup> make_setup(const Config& config, const std::filesystem::path& feeds, unsigned threads,
                         const RecordFilter& filter);

unsigned default_threads();

}  // namespace picket
