// What is normal, in a file of its own: learned from an archive once, taken along to other scans and merged
// with what other machines learned.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/engine.h"

namespace picket {

struct Baseline {
  Rarity calls;     // of those who call AWS
  Rarity clusters;  // of users of clusters
  void merge(const Baseline& other);
};

std::string pack_baseline(const Baseline& baseline);
Result<Baseline> unpack_baseline(std::string_view bytes);

Result<Baseline> read_baseline(const std::string& path);
// The file as it is, once it has been seen to hold a baseline.
Result<std::string> read_baseline_file(const std::string& path);
Result<void> write_baseline(const std::string& path, const Baseline& baseline);

// What the engine has learned so far, and the engine to go on from there.
Baseline baseline_of(const Engine& engine);
void start_from(Engine& engine, const Baseline& baseline);

}  // namespace picket
