// What one rule told of a finding that it may share with others (service.detection.sequence).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "finding/subject.h"

namespace picket {

struct Signal {
  std::uint64_t count = 0;
  TimeMs first = 0, last = 0;
  double severity = 0;   // the highest
  std::string event_id;  // of the latest record, of which the rest is
  ApiCall call;
  std::optional<IpAddress> remote_ip;

  // In any order: the latest record's call stays.
  void merge(const Signal& other) {
    count += other.count;
    first = std::min(first, other.first);
    severity = std::max(severity, other.severity);
    if (std::tie(other.last, other.event_id) <= std::tie(last, event_id)) return;
    last = other.last;
    event_id = other.event_id;
    call = other.call;
    remote_ip = other.remote_ip;
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(count, first, last, severity, event_id, call, remote_ip);
  }
};

}  // namespace picket
