// What an object is, by its content and by AWS's key layout.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "event/kind.h"

namespace picket {

// What a key says of its object, by the layouts in which AWS delivers.
struct KeyFacts {
  std::optional<LogKind> kind;
  std::string account, region, cluster;  // empty when the key does not say
  bool delivered = false;                // under CloudTrail's own delivery prefix
  // Why an object under this key is skipped unread (another service's logs, CSV, a README); empty when it is
  // read.
  std::string_view skip_reason;
  bool refused_records = false;  // what a source set aside (decode/refused.h)
  std::string_view refusal;      // a log that is refused by name (Security Lake's OCSF); empty when not
};

KeyFacts read_key(std::string_view key);

enum class Container : std::uint8_t {
  plain,         // records, one after the other, in the kind's own forms
  subscription,  // CloudWatch Logs subscription or get-log-events output: records are strings in "message"
  export_lines,  // CloudWatch Logs export: a timestamp and a blank before each record
};

struct Sniffed {
  std::optional<LogKind> kind;
  Container container = Container::plain;
  std::string reason;    // without a kind: what the text seems to be
  bool refused = false;  // a log that is refused by name
};

// By the first 64 KiB or so of decoded text. The key decides only where the text leaves it open (an empty
// object, headerless custom flow formats).
Sniffed sniff_kind(std::string_view prefix, std::string_view key);

// An object under this key holds no event before this time; absent when the key has no time.
std::optional<TimeMs> object_time_hint(std::string_view key);

// The earliest event time found in decoded text of a kind.
std::optional<TimeMs> peek_first_time(std::string_view prefix, LogKind kind);

}  // namespace picket
