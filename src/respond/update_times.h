// When updates of known findings went out last, per account and Region: kept in the settings, so that a
// restart neither repeats nor postpones them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "store/finding_store.h"

namespace picket::respond {

struct UpdateTime {
  TimeMs released_at = 0;
  std::uint64_t through = 0;  // the newest outbox row that went out then
};

Result<std::optional<UpdateTime>> load_update_time(FindingStore& store, std::string_view account,
                                                   std::string_view region);
Result<void> save_update_time(FindingStore& store, std::string_view account, std::string_view region,
                              const UpdateTime& time);

}  // namespace picket::respond
