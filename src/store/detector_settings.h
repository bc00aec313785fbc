// What users set on the GuardDuty detector of an account's Region, kept among the store's settings
// (kind "detector"). A detector nobody touched has no row: it exists, enabled with the defaults below, once
// the account and Region were seen in logs, unless automatic detectors are turned off.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "store/finding_store.h"

namespace picket {

struct FeatureSetting {
  bool enabled = true;
  TimeMs updated_at = 0;
  std::map<std::string, bool> additional;  // additionalConfiguration: name -> enabled
};

constexpr std::string_view detector_setting_kind = "detector";

enum class DetectorStatus : std::uint8_t { enabled, disabled, deleted };

struct DetectorSettings {
  DetectorStatus status = DetectorStatus::enabled;
  TimeMs created_at = 0, updated_at = 0;
  std::string finding_publishing_frequency = "SIX_HOURS";
  std::map<std::string, FeatureSetting> features;  // those that can be switched
  std::map<std::string, std::string> tags;
};

// A fresh detector: every feature on, but for the two kinds of runtime monitoring, which exclude each other.
DetectorSettings default_detector(TimeMs created_at);

// Absent: never touched. A stored row that cannot be read is an error, not a default.
Result<std::optional<DetectorSettings>> load_detector(FindingStore& store, std::string_view account,
                                                      std::string_view region);
SettingChange detector_change(std::string_view account, std::string_view region,
                              const DetectorSettings& settings);
Result<void> save_detector(FindingStore& store, std::string_view account, std::string_view region,
                           const DetectorSettings& settings);

}  // namespace picket
