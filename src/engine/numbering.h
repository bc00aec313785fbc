// State names detectors, their types and the APIs of sequences by numbers. Whoever wrote it had numbers of
// their own: here is told what those are today, so that a detector keeps its state when others come, go or
// change.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/archive.h"
#include "engine/detector.h"

namespace picket {

class Numbering {
 public:
  Numbering() = default;
  // Today's.
  explicit Numbering(std::span<const Detector* const> detectors);

  // After reading one: `today` is where its numbers lead to.
  void lead_to(std::span<const Detector* const> today);

  // Today's number of what had this one; none: it is gone.
  std::optional<std::uint16_t> detector(std::uint16_t written) const;
  std::optional<std::uint8_t> type(std::uint16_t detector, std::uint8_t written) const;
  std::optional<std::uint16_t> api(std::uint16_t written) const;
  // Gives a detection today's numbers; false: nothing raises it any more.
  bool renumber(Detection& detection) const;
  // As detector(), but none also when the detector is of another version: its own state cannot be read.
  std::optional<std::uint16_t> with_state(std::uint16_t written) const;
  // Today's number of a detector whose state is of another version.
  bool is_of_another_version(std::uint16_t today) const;

  template <class Ar>
  void io(Ar& ar) {
    ar(detectors_, apis_);
  }

 private:
  struct Named {
    std::string name;
    std::uint64_t version = 0;
    std::vector<std::string> types;
    // Not written: today's.
    std::optional<std::uint16_t> number = {};
    std::vector<std::optional<std::uint8_t>> type_numbers = {};
    bool same_version = false;
    template <class Ar>
    void io(Ar& ar) {
      ar(name, version, types);
    }
  };
  const Named* written(std::uint16_t number) const {
    return number < detectors_.size() ? &detectors_[number] : nullptr;
  }

  std::vector<Named> detectors_;
  std::vector<std::string> apis_;
  std::vector<std::optional<std::uint16_t>> api_numbers_;  // today's
};

}  // namespace picket
