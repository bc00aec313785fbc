// Findings that show what each type looks like.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/tables.h"
#include "base/time.h"
#include "store/finding_store.h"

namespace picket::api {

struct SamplePlace {
  std::string account, region, detector_id;
  std::uint64_t epoch = 0;
  TimeMs now = 0;
};

FindingRow sample_finding(const SampleType& sample, const SamplePlace& place);
const SampleType* find_sample(std::string_view type);  // null: no such type

}  // namespace picket::api
