// What the API stands on. The finding store is spoken to directly; the rest are questions only the running
// service can answer.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "store/finding_store.h"

namespace picket::api {

struct Backend {
  FindingStore* store = nullptr;  // outlives the API
  // When logs of this account (empty: of any account) and Region were first seen; absent: never.
  std::function<std::optional<TimeMs>(std::string_view account, std::string_view region)> first_seen;
  std::function<TimeMs()> now;
  bool auto_detectors = true;  // an enabled detector exists for every account and Region seen
};

}  // namespace picket::api
