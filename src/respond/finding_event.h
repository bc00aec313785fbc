// The event GuardDuty puts on EventBridge's default bus when a finding is new or has changed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "finding/change.h"

namespace picket::respond {

constexpr std::string_view guardduty_source = "aws.guardduty";
constexpr std::string_view finding_detail_type = "GuardDuty Finding";

struct FindingEvent {
  std::string id;  // a UUID; of the same change of the same finding always the same: the idempotency key
  std::string finding_id, account, region, type;
  double severity = 0;
  TimeMs time = 0;  // the finding's updatedAt
  FindingChange change = FindingChange::updated;
  std::string detail;  // the finding in the form that is exported, with service.archived
};

// `document` is the finding in API casing or as it is exported, `epoch` the one that changed it.
FindingEvent event_of(std::string_view document, std::string_view finding_id, std::uint64_t epoch,
                      FindingChange change);

std::string event_json(const FindingEvent& event, std::string_view source = guardduty_source);

}  // namespace picket::respond
