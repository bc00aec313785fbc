// State that an earlier build saved goes on: whoever changes the form of what a section of the snapshot or a
// detector keeps has to give it the next version, or state would be misread. testdata/state.bin is what the
// firing cases left behind in the middle of their day. After a new version, and for new detectors:
//   PICKET_UPDATE_STATE=1 picket_test_detectors --gtest_filter='StateForm.*'
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "detectors/catalog.h"
#include "engine/numbering.h"
#include "engine/packed_state.h"
#include "engine/test_epochs.h"
#include "enrich/intel_config.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

const fs::path detectors = PICKET_SOURCE_DIR "/src/detectors";

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::unique_ptr<Engine> engine() {
  IntelBuilder intel;
  builtin_intel(intel);
  EngineLimits limits;
  limits.entity_bytes_max = std::size_t{1} << 20U;
  auto made = std::make_unique<Engine>(all_detectors(), intel.build(), Lateness{}, limits, 1);
  made->judge_ahead();
  return made;
}

// The cases' state when half of what they tell has been judged.
std::string state_of_cases() {
  std::set<fs::path> files;
  for (const auto& item : fs::recursive_directory_iterator(detectors)) {
    const std::string name = item.path().filename().string();
    if (item.is_regular_file() && item.path().string().contains("/fires_") &&
        (name.ends_with(".json") || name.ends_with(".jsonl") || name.ends_with(".log")) &&
        !name.ends_with(".findings.json") && !name.ends_with(".aws.json") &&
        !name.ends_with(".limits.json") && !name.ends_with(".digests.json") &&
        !name.ends_with(".baseline.jsonl"))
      files.insert(item.path());
  }
  const TimeMs midday = parse_time("2026-03-11T12:00:00Z").value();
  std::vector<EpochObject> objects;
  for (const fs::path& file : files)
    objects.push_back(object_of(fs::relative(file, detectors).string(), read(file), midday - 100 * day_ms));
  auto made = engine();
  made->run_epoch(objects, {{"trail", midday}});
  return made->save();
}

// Section by name, unpacked, behind what the state was numbered by.
std::map<std::string, std::string> sections_of(const std::string& state) {
  constexpr PackedKind snapshot{"picketS2", "snapshot"};
  Reader in(std::string_view(state).substr(snapshot.magic.size()));
  std::uint32_t version = 0;
  std::uint64_t checksum = 0;
  Numbering numbering;
  std::vector<std::pair<std::string, std::string>> packed;
  in(version, checksum, numbering, packed);
  EXPECT_TRUE(!in.failed() && in.at_end());
  std::map<std::string, std::string> sections;
  Writer numbers(sections["numbers"]);
  numbers(numbering);
  for (const auto& [name, bytes] : packed) {
    // The version is the first that follows the mark.
    std::uint64_t of_section = 0;
    Reader head(std::string_view(bytes).substr(snapshot.magic.size()));
    head(of_section);
    const auto unpacked = unpack_state(snapshot, of_section, bytes, "");
    EXPECT_TRUE(unpacked) << name;
    sections[name] = unpacked.value_or("");
  }
  return sections;
}

TEST(StateForm, WhatAnEarlierBuildSavedIsReadWhole) {
  const fs::path file = detectors / "testdata" / "state.bin";
  if (std::getenv("PICKET_UPDATE_STATE") != nullptr)
    std::ofstream(file, std::ios::binary) << state_of_cases();
  const std::string before = read(file);
  ASSERT_FALSE(before.empty()) << file;
  auto made = engine();
  const auto left = made->load(before);
  ASSERT_TRUE(left) << left.error().message();
  EXPECT_EQ(*left, "");
  const auto was = sections_of(before), is = sections_of(made->save());
  const bool same_numbers = was.at("numbers") == is.at("numbers");
  for (const auto& [name, state] : was) {
    if (name == "numbers") continue;
    ASSERT_TRUE(is.contains(name)) << name;
    EXPECT_EQ(is.at(name).size(), state.size()) << name;
    EXPECT_TRUE(!same_numbers || is.at(name) == state) << name;
  }
}

}  // namespace
}  // namespace picket
