#include "source/push_source.h"

namespace picket {

Result<Inbox::Outcome> PushSource::store(const std::string& batch, Intake& intake) {
  const std::uint64_t records = intake.records(), controls = intake.control_messages();
  const auto put = inbox_.put(name_, batch, intake.finish());
  const std::lock_guard lock(mutex_);
  status_.failing = !put;
  if (!put) {
    status_.last_error = put.error().message();
    status_.last_error_at = wall_clock_();
  } else if (*put == Inbox::Outcome::repeated) {
    ++status_.repeated;
  } else {
    ++status_.batches;
    status_.records += records;
    status_.control_messages += controls;
  }
  return put;
}

void PushSource::note(const Error& error) {
  const std::lock_guard lock(mutex_);
  status_.failing = true;
  status_.last_error = error.message();
  status_.last_error_at = wall_clock_();
}

}  // namespace picket
