// A detector's features and their deprecated twin dataSources, as requests bring them and answers show them.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string_view>

#include "base/json_writer.h"
#include "store/detector_settings.h"

namespace picket::api {

std::string_view status_name(bool enabled);  // "ENABLED", "DISABLED"

void apply_data_sources(const std::optional<simdjson::dom::element>& given, DetectorSettings& detector,
                        TimeMs now);
// False when the combination is none that GuardDuty takes.
bool apply_features(const std::optional<simdjson::dom::element>& given, DetectorSettings& detector,
                    TimeMs now);

void write_data_sources(JsonWriter& json, const DetectorSettings& detector);

enum class FeatureUse : unsigned char {
  detector,  // all of them, the foundational ones included
  member,    // those an administrator may switch for its members
};
void write_features(JsonWriter& json, const DetectorSettings& detector, FeatureUse use);

}  // namespace picket::api
