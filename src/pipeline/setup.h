// What an engine needs beside detectors, made from the configuration: indicators, geography, AWS's ranges,
// the imported inventory, limits. `scan` and `serve` share it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "engine/engine.h"
#include "enrich/aws_ranges.h"
#include "enrich/geo.h"
#include "enrich/intel.h"

namespace picket {

struct Setup {
  std::unique_ptr<Engine> engine;
  std::shared_ptr<const GeoTable> geo;  // nullptr without databases
  std::vector<std::string> notes;       // what was loaded, and which entries of lists were set aside
};

struct LoadedIntel {
  std::shared_ptr<const IntelIndex> index;
  std::vector<std::string> notes;
};
// The built-in lists and the configured ones.
Result<LoadedIntel> load_intel(const Config& config);

// `threads` 0: as configured, else one per core.
Result<Setup> make_setup(const Config& config, unsigned threads, const RecordFilter& filter);

unsigned default_threads();

}  // namespace picket
