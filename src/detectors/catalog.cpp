#include "detectors/catalog.h"

#include <vector>

namespace picket {

namespace detectors {
#define DETECTOR(name, path) extern const Detector name;
#include "detectors/catalog.def"
#undef DETECTOR
}  // namespace detectors

namespace {

// The literals cannot know their own names; the catalog gives them.
const std::vector<Detector>& named() {
  static const std::vector<Detector> list = [] {
    std::vector<Detector> made;
    const auto add = [&](const Detector& literal, std::string_view name) {
      made.push_back(literal);
      made.back().name = name;
    };
#define DETECTOR(name, path) add(detectors::name, #name);
#include "detectors/catalog.def"
#undef DETECTOR
    return made;
  }();
  return list;
}

}  // namespace

std::span<const Detector* const> all_detectors() {
  static const std::vector<const Detector*> pointers = [] {
    std::vector<const Detector*> made;
    for (const Detector& detector : named()) made.push_back(&detector);
    return made;
  }();
  return pointers;
}

}  // namespace picket
