// A CloudTrail record kept for longer than the decoder's buffer holds it.
#pragma once

#include <string>

#include "event/cloudtrail_event.h"

namespace picket {

class KeptCall {
 public:
  explicit KeptCall(const CloudTrailEvent& event);
  KeptCall(const KeptCall&) = delete;
  KeptCall& operator=(const KeptCall&) = delete;
  // Says the same as the original; its texts live as long as this.
  const CloudTrailEvent& event() const { return event_; }

 private:
  CloudTrailEvent event_;
  std::string text_;  // the record, then what was not a part of it as it stands (texts with escapes)
};

}  // namespace picket
