#include "engine/numbering.h"

#include <algorithm>
#include <map>

#include "state/api_tactics.h"

namespace picket {

namespace {

std::string name_of(const ListedApi& api) {
  return std::string(api.event_source) + ':' + std::string(api.event_name);
}

}  // namespace

Numbering::Numbering(std::span<const Detector* const> detectors) {
  for (const Detector* detector : detectors) {
    Named& made = detectors_.emplace_back(std::string(detector->name), detector->version);
    for (const FindingType& type : detector->types) made.types.emplace_back(type.name);
  }
  for (const ListedApi& api : listed_apis()) apis_.push_back(name_of(api));
}

void Numbering::lead_to(std::span<const Detector* const> today) {
  std::map<std::string_view, std::uint16_t> numbers;
  for (std::size_t i = 0; i < today.size(); ++i)
    numbers.emplace(today[i]->name, static_cast<std::uint16_t>(i));
  for (Named& one : detectors_) {
    one.type_numbers.assign(one.types.size(), std::nullopt);
    const auto at = numbers.find(one.name);
    if (at == numbers.end()) continue;
    one.number = at->second;
    one.same_version = today[at->second]->version == one.version;
    const auto& types = today[at->second]->types;
    for (std::size_t i = 0; i < one.types.size(); ++i) {
      // A name may be there twice, for another resource.
      const auto same = i < types.size() && types[i].name == one.types[i]
                            ? types.begin() + static_cast<std::ptrdiff_t>(i)
                            : std::ranges::find(types, one.types[i], &FindingType::name);
      if (same != types.end()) one.type_numbers[i] = static_cast<std::uint8_t>(same - types.begin());
    }
  }
  std::map<std::string, std::uint16_t> apis;
  for (std::size_t i = 0; i < listed_apis().size(); ++i)
    apis.emplace(name_of(listed_apis()[i]), static_cast<std::uint16_t>(i));
  api_numbers_.clear();
  for (const std::string& name : apis_) {
    const auto at = apis.find(name);
    api_numbers_.push_back(at == apis.end() ? std::nullopt : std::optional(at->second));
  }
}

std::optional<std::uint16_t> Numbering::detector(std::uint16_t number) const {
  const Named* one = written(number);
  return one == nullptr ? std::nullopt : one->number;
}

std::optional<std::uint8_t> Numbering::type(std::uint16_t detector, std::uint8_t number) const {
  const Named* one = written(detector);
  return one == nullptr || number >= one->type_numbers.size() ? std::nullopt : one->type_numbers[number];
}

bool Numbering::renumber(Detection& detection) const {
  const auto now = detector(detection.detector);
  const auto type_now = type(detection.detector, detection.type);
  if (!now || !type_now) return false;
  detection.detector = *now;
  detection.type = *type_now;
  return true;
}

std::optional<std::uint16_t> Numbering::api(std::uint16_t number) const {
  return number < api_numbers_.size() ? api_numbers_[number] : std::nullopt;
}

std::optional<std::uint16_t> Numbering::with_state(std::uint16_t number) const {
  const Named* one = written(number);
  return one == nullptr || !one->same_version ? std::nullopt : one->number;
}

bool Numbering::is_of_another_version(std::uint16_t today) const {
  return std::ranges::any_of(detectors_,
                             [&](const Named& one) { return one.number == today && !one.same_version; });
}

}  // namespace picket
