// The look-back job: every object of some paths through the engine once, in order of time, to the end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "pipeline/planner.h"
#include "pipeline/runner.h"

namespace picket {

struct ScanSettings {
  std::vector<std::string> paths;
  SourceSettings source;
  RunnerSettings runner;
};

struct ScanProgress {
  std::size_t objects_done = 0, objects = 0;
  std::uint64_t bytes_done = 0, bytes = 0;
};

// `sink` gets each epoch's ledgers, and all findings with the last one.
// Answers the paths that could not be listed: each is a failure of the scan, the rest is read.
Result<PathFailures> scan(const ScanSettings& settings, Engine& engine, Workers& workers,
                          const EpochSink& sink, const std::function<void(const ScanProgress&)>& progress);

}  // namespace picket
