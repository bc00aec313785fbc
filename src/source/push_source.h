// A source that others push to, or that picket reads but cannot read again: what it gets goes into the inbox.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "source/inbox.h"

namespace picket {

struct PushStatus {
  std::uint64_t batches = 0;           // stored: requests, runs of lines or messages
  std::uint64_t records = 0;           // in them, as the sender counts
  std::uint64_t repeated = 0;          // batches that were known already
  std::uint64_t refused = 0;           // requests that were answered with an error of the sender
  std::uint64_t put_off = 0;           // requests or reads that had to wait for room
  std::uint64_t control_messages = 0;  // of CloudWatch Logs: no records
  std::uint64_t lost = 0;              // Kafka's offsets that were gone before they were read
  std::uint64_t behind = 0;            // Kafka's offsets that are there and not read
  std::uint64_t bytes_held = 0;        // in the inbox
  bool failing = false;
  std::string last_error;
  TimeMs last_error_at = 0;
};

class PushSource {
 public:
  PushSource(std::string name, std::string place, Inbox& inbox, std::function<TimeMs()> wall_clock)
      : name_(std::move(name)), place_(std::move(place)), inbox_(inbox), wall_clock_(std::move(wall_clock)) {}
  virtual ~PushSource() = default;
  PushSource(const PushSource&) = delete;
  PushSource& operator=(const PushSource&) = delete;

  const std::string& name() const { return name_; }
  const std::string& place() const { return place_; }  // for people

  // A batch of an earlier run, by the key of one of its objects; before start().
  virtual void know(std::string_view) {}
  // Whether the batch's name is still needed to know what was read.
  virtual bool needs(std::string_view) const { return false; }
  virtual void start() {}
  virtual void stop() {}
  // Nothing is known that is not in the input log.
  virtual bool caught_up() const { return inbox_.empty(); }

  PushStatus status() const {
    const std::lock_guard lock(mutex_);
    PushStatus out = status_;
    out.bytes_held = inbox_.bytes(name_);
    return out;
  }

 protected:
  // Durable when it returns.
  Result<Inbox::Outcome> store(const std::string& batch, Intake& intake);
  void note(const Error& error);
  void note_success() {
    const std::lock_guard lock(mutex_);
    status_.failing = false;
  }

  const std::string name_, place_;
  Inbox& inbox_;
  const std::function<TimeMs()> wall_clock_;
  mutable std::mutex mutex_;
  PushStatus status_;
};

}  // namespace picket
