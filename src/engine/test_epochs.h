// For tests: objects in memory, and what came of epochs.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace picket {

inline EpochObject object_of(const std::string& key, std::string text, TimeMs lower_bound) {
  EpochObject made;
  made.info.key = key;
  made.stream = "trail";
  made.lower_bound = lower_bound;
  const auto held = std::make_shared<const std::string>(std::move(text));
  struct Held final : ByteSource {
    std::shared_ptr<const std::string> text;
    std::unique_ptr<ByteSource> bytes;
    Result<std::size_t> read(std::span<char> into) override { return bytes->read(into); }
  };
  made.open = [held]() -> Result<std::unique_ptr<ByteSource>> {
    auto source = std::make_unique<Held>();
    source->text = held;
    source->bytes = memory_source(*held);
    return source;
  };
  return made;
}

inline std::map<std::string, AggregatedFinding> take(std::map<std::string, AggregatedFinding> known,
                                                     const EpochResult& result) {
  for (const AggregatedFinding& finding : result.updated) known[finding.id] = finding;
  for (const std::string& id : result.retracted) known.erase(id);
  return known;
}

inline std::string bytes_of(const std::map<std::string, AggregatedFinding>& findings) {
  std::string bytes;
  Writer out(bytes);
  for (const auto& [id, finding] : findings) out(id, finding.activity);
  return bytes;
}

// The state as detectors of other numbers, these among them, read and save it.
inline std::string by_way_of_others(const std::string& state, std::span<const Detector* const> detectors) {
  static const Detector first = {.name = "first", .types = {{.name = "Test:IAMUser/First"}}};
  std::vector<const Detector*> others{&first};
  others.insert(others.end(), detectors.rbegin(), detectors.rend());
  Engine way(others, IntelBuilder().build(), Lateness{}, EngineLimits{}, 1);
  const auto left = way.load(state);
  EXPECT_TRUE(left && left->empty());
  return way.save();
}

}  // namespace picket
