// Reads one CloudTrail record in one walk over its structural index.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "decode/json_index.h"
#include "decode/json_text.h"
#include "event/cloudtrail_event.h"

namespace picket {

enum class RecordStatus : std::uint8_t {
  event,
  wrapper,  // not a record but the object around an array of them; next() is the array's first element
  insight,
  digest,
  other_event,  // filtered: Insights event, digest file, another service's event in an EventBridge envelope
  not_cloudtrail,
  no_event_time,
  bad_event_time,
  duplicate_member,
  bad_escape,
  too_deep,    // set aside; next() is behind it
  incomplete,  // the text ends inside
  bad_json,
};

class CloudTrailRecordReader {
 public:
  explicit CloudTrailRecordReader(unsigned depth_max) : depth_max_(depth_max) {}
  // Reads the object or array at structural `i`. `top` says that it may be the wrapper of an array of
  // records. An array is a row of CloudTrail Lake's query results.
  RecordStatus read(const JsonIndex& index, std::uint32_t i, bool top);
  // Valid after `event`, until the next read or until the indexed text goes.
  const CloudTrailEvent& event() const { return event_; }
  // The structural after the record; valid unless incomplete or bad_json.
  std::uint32_t next() const { return next_; }

 private:
  enum class Spelling : bool { exact, lower };
  RecordStatus read_object(const JsonIndex& index, std::uint32_t i, bool top, unsigned envelopes);
  template <Spelling spelling>
  RecordStatus walk(const JsonIndex& index, std::uint32_t i, bool top);
  RecordStatus judge() const;
  RecordStatus read_envelope(const JsonIndex& index, unsigned envelopes);
  RecordStatus read_row(const JsonIndex& index, std::uint32_t i);
  RecordStatus read_nested(std::string_view escaped, unsigned envelopes);
  JsonStep read_identity(const JsonIndex& index, std::uint32_t i);
  JsonStep read_session(const JsonIndex& index, std::uint32_t i);
  JsonStep read_issuer(const JsonIndex& index, std::uint32_t i);
  template <class OnMember>
  JsonStep each_member(const JsonIndex& index, std::uint32_t i, unsigned depth, OnMember on_member);
  JsonStep text(const JsonIndex& index, std::uint32_t i, unsigned depth, std::string_view& out);
  JsonStep raw(const JsonIndex& index, std::uint32_t i, RawJson& out);
  JsonStep skip(const JsonIndex& index, std::uint32_t i, unsigned depth) const {
    return skip_value(index, i, depth, depth_max_);
  }
  bool plain(const JsonIndex& index, std::string_view escaped, std::string_view& out);
  bool is_escaped(std::string_view text) const {
    return text.data() + text.size() > escape_ && has_escape(text);
  }

  unsigned depth_max_;
  CloudTrailEvent event_;
  std::uint32_t next_ = 0;
  std::uint64_t seen_ = 0;
  std::uint32_t envelope_ = 0;  // structural of the member that holds the record; 0 = none
  bool eventbridge_ = false;
  bool duplicate_ = false, bad_escape_ = false, digest_ = false;
  std::string_view event_time_, timestamp_;
  TimeReader times_;
  const char* escape_ = nullptr;  // no text of the record that ends before it has an escape
  std::vector<char> unescaped_;
  std::size_t unescaped_size_ = 0;
  // For records that are strings in another record (lookup-events, Lake).
  struct Nested {
    JsonIndex index;
    std::string text;
    std::unique_ptr<CloudTrailRecordReader> reader;
  };
  std::unique_ptr<Nested> nested_;
};

// The structural after the container that starts at `i`, counting brackets only; json_incomplete when it does
// not end.
JsonStep container_end(const JsonIndex& index, std::uint32_t i);

}  // namespace picket
