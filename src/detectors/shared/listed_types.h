// What an indicator's category raises, in one table. Detectors of flow and DNS records choose their type by
// it, `picket intel lookup` tells it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/detector.h"
#include "enrich/intel_hit.h"

namespace picket::detectors {

enum class ListedAs : std::uint8_t {
  peer,     // the other end of a flow record, which the instance or function reached
  relay,    // the other end, which reached the instance where Tor relays listen
  visitor,  // the other end, which an open port of the instance answered
  name,     // a queried name
  answer,   // an address that a queried name led to
};

struct ListedType {
  IntelCategory category;
  ListedAs as;
  std::string_view type;
  std::string_view lambda_type = {};  // instead, when the interface is a Lambda function's
};

// In the order in which they win.
std::span<const ListedType> listed_types();

// The type's index in the detector's list.
std::optional<std::size_t> type_index(const Detector& detector, std::string_view type);

// Every type that a listed address or name of this category may raise, those of callers in CloudTrail and
// Kubernetes audit logs included: these detectors raise all their types for any of their categories.
std::vector<std::string_view> types_raised_by(IntelCategory category,
                                              std::span<const Detector* const> detectors);

}  // namespace picket::detectors
