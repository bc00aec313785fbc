// CloudTrail in every container it comes in: delivery objects ({"Records": […]}), JSON lines, arrays, lone
// and concatenated records, EventBridge envelopes, lookup-events output, CloudTrail Lake results.
//
// A window is indexed as a whole and its records are read in one walk each. Where that fails, the window is
// taken record by record with a matcher of brackets and quotes; what cannot be read is set aside up to the
// next place that looks like the start of a record.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "decode/cloudtrail_record.h"
#include "decode/decoder.h"
#include "decode/json_index.h"
#include "decode/json_matcher.h"

namespace picket {

namespace {

// Text, index and the records' arena of one window stay in the second-level cache (measured: 256 KiB to 1 MiB
// are equal, whole 4 MB objects slower).
constexpr std::size_t window_bytes = 256 << 10;
// No key with its opening bracket is longer; what is kept when a search for one goes on in the next window.
constexpr std::size_t start_bytes_max = 64;

bool blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  // A bomb is a million of the same blank.
  std::uint64_t eight = 0;
  while (text.size() - at >= sizeof eight && blank(text[at])) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if (eight != 0x0101010101010101 * static_cast<unsigned char>(text[at])) break;
    at += sizeof eight;
  }
  while (at < text.size() && blank(text[at])) ++at;
  return at;
}

// Whether text[at] opens an object at the start of a line, or one whose first member is one that CloudTrail
// records (or their envelopes) begin with.
bool starts_record(std::string_view text, std::size_t at) {
  static constexpr std::array<std::string_view, 20> members{
      "eventVersion", "userIdentity",    "eventTime",           "eventSource",        "eventName",
      "awsRegion",    "sourceIPAddress", "userAgent",           "requestParameters",  "responseElements",
      "requestID",    "eventID",         "eventType",           "recipientAccountId", "eventCategory",
      "errorCode",    "errorMessage",    "additionalEventData", "@timestamp",         "EventId"};
  const bool line = at > 0 && text[at - 1] == '\n';
  at = skip_blanks(text, at + 1);
  if (at >= text.size() || text[at] != '"') return false;
  if (line) return true;
  const std::size_t end = text.find('"', at + 1);
  if (end == std::string_view::npos) return false;
  const std::string_view member = text.substr(at + 1, end - at - 1);
  const std::size_t colon = skip_blanks(text, end + 1);
  return colon < text.size() && text[colon] == ':' && std::ranges::find(members, member) != members.end();
}

// The next place behind `from` that looks like the start of a record; npos when there is none.
std::size_t find_record_start(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find('{', from); at != std::string_view::npos; at = text.find('{', at + 1)) {
    std::size_t before = at;
    bool line = false;
    while (before > 0 && blank(text[before - 1])) line |= text[--before] == '\n';
    if (!line && before > 0 && text[before - 1] != ',' && text[before - 1] != '[' && text[before - 1] != '}')
      continue;
    if (starts_record(text, at)) return at;
  }
  return std::string_view::npos;
}

// Where the array of records begins (behind its bracket) when text[at] opens an object around one; npos when
// it opens something else, or when the text ends before that is clear.
// With `depth` 1 the text continues inside such an object.
std::size_t find_wrapped_array(std::string_view text, std::size_t at, unsigned depth = 0) {
  for (; at < text.size(); ++at) {
    switch (text[at]) {
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (--depth == 0) return std::string_view::npos;
        break;
      case '"': {
        const std::size_t start = ++at;
        while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
        if (at >= text.size()) return std::string_view::npos;
        if (depth != 1) break;
        const std::string_view member = text.substr(start, at - start);
        if (member == "eventName" || member == "eventSource") return std::string_view::npos;
        if (member != "Records" && member != "Events" && member != "QueryResultRows") break;
        std::size_t next = skip_blanks(text, at + 1);
        if (next >= text.size() || text[next] != ':') break;
        next = skip_blanks(text, next + 1);
        if (next < text.size() && text[next] == '[') return next + 1;
        break;
      }
      default:
        break;
    }
  }
  return std::string_view::npos;
}

class CloudTrailDecoder final : public TextDecoder {
 public:
  CloudTrailDecoder(const DecodeLimits& limits, EventSink& sink)
      : limits_(limits), sink_(sink), reader_(std::min(limits.depth_max, 64U)) {}

  std::size_t window() const override { return window_bytes; }
  std::uint64_t records_read() const override { return records_; }
  std::uint64_t record_bytes() const override { return record_bytes_; }

  std::size_t feed(char* text, std::size_t size, bool last) override {
    std::size_t at = 0;
    if (offset_ == 0 && size >= 3 && std::memcmp(text, "\xef\xbb\xbf", 3) == 0) at = 3;  // byte order mark
    if (aside_ != Aside::none) at = pass_over(text, size, last);
    if (at < size && aside_ == Aside::none) at = read_indexed(text, at, size, last);
    offset_ += at;
    return at;
  }
  // A list of records that does not end was cut between two of them: how many are missing nobody knows.
  void end() override {
    const bool open = context_ == Context::array || context_ == Context::wrapped_array;
    if (open && aside_ == Aside::none && quarantined_until_ < offset_)
      quarantine(offset_, offset_, "cut_short", "the object ends before its list of records does");
  }

 private:
  // What encloses the next value.
  enum class Context : std::uint8_t { top, array, wrapped_array, wrapper_end };
  // Why the text at hand is passed over: inside a record beyond the size limit, in search of the next record,
  // or because nothing good came.
  enum class Aside : std::uint8_t { none, too_large, broken, hopeless };

  std::size_t read_indexed(char* text, std::size_t at, std::size_t size, bool last);
  std::size_t read_matched(char* text, std::size_t at, std::size_t size, bool last);
  std::size_t pass_over(char* text, std::size_t size, bool last);
  std::size_t cut(const char* text, std::size_t at, std::size_t size, bool last);
  void take(RecordStatus status, std::size_t start, std::size_t end);
  void set_aside(std::size_t start, std::size_t end, std::string_view reason, std::string detail);
  // `at`: in the text at hand.
  bool hopeless(std::size_t at) const {
    return record_bytes_ == 0 && is_hopeless(records_, offset_ + at, limits_);
  }
  std::size_t give_up(std::size_t at, std::size_t size, bool last);
  void quarantine(std::uint64_t start, std::uint64_t end, std::string_view reason, std::string detail) {
    quarantined_until_ = end;
    sink_.on_quarantined(LogKind::cloudtrail, {++records_, start, end - start, reason, std::move(detail)});
  }

  const DecodeLimits limits_;
  EventSink& sink_;
  CloudTrailRecordReader reader_;
  JsonIndex index_;
  Context context_ = Context::top;
  Aside aside_ = Aside::none;
  std::uint64_t aside_start_ = 0;
  JsonMatcher matcher_;
  std::uint64_t offset_ = 0;  // of the window in the decoded text
  std::uint64_t records_ = 0;
  std::uint64_t record_bytes_ = 0;
  std::uint64_t quarantined_until_ = 0;
};

// The end of what is worth indexing: with more to come, the last place that probably lies between two
// records. It need not: a cut elsewhere only costs a retry.
std::size_t CloudTrailDecoder::cut(const char* text, std::size_t at, std::size_t size, bool last) {
  if (last) return size;
  // memrchr, because std::string_view::rfind goes byte by byte: a quarter of all time.
  if (const void* line = memrchr(text + at, '\n', size - at); line != nullptr) {
    const auto end = static_cast<std::size_t>(static_cast<const char*>(line) - text);
    if (end > at) return end;
  }
  for (std::size_t end = size; end > at + 2;) {
    const void* found = memrchr(text + at, '{', end - at);
    if (found == nullptr) break;
    end = static_cast<std::size_t>(static_cast<const char*>(found) - text);
    if (end > at + 2 && text[end - 1] == ',' && text[end - 2] == '}') return end - 1;
  }
  return at;
}

std::size_t CloudTrailDecoder::read_indexed(char* text, std::size_t at, std::size_t size, bool last) {
  // A text that ends in a closing bracket may well be whole: the first member of a gzip file, a line.
  std::size_t end = text[size - 1] == '}' ? size : cut(text, at, size, last);
  bool indexed = false;
  for (int tries = 0; tries < 4 && end > at && !indexed; ++tries) {
    indexed = index_.build(text + at, end - at);
    if (!indexed) end = last ? at : cut(text, at, end, false);
  }
  if (!indexed) return read_matched(text, at, size, last);

  const std::size_t base = at;
  const std::uint32_t count = index_.count();
  std::uint32_t i = 0;
  bool stuck = false;
  while (i < count && !stuck) {
    const std::size_t start = base + index_.at(i);
    const char c = index_.character(i);
    RecordStatus status = RecordStatus::bad_json;
    if (context_ == Context::wrapper_end) {
      if (c == '}') {
        context_ = Context::top;
        ++i;
        at = start + 1;
        continue;
      }
      // Another member of the wrapper.
      JsonStep after = i + 4 >= count ? json_incomplete : json_bad;
      if (std::string_view key;
          c == ',' && i + 4 < count && string_at(index_, i + 1, key) && index_.character(i + 2) == ':') {
        if (key == "Records" && index_.character(i + 3) == '[') {
          context_ = Context::wrapped_array;
          i += 4;
          at = base + index_.at(i - 1) + 1;
          continue;
        }
        after = skip_value(index_, i + 3, 1, limits_.depth_max);
      }
      if (after >= 0) {
        i = static_cast<std::uint32_t>(after);
        at = base + index_.at(i);
        continue;
      }
      stuck = after != json_incomplete || last || size - start > limits_.record_bytes_max;
      at = start;
      break;
    }
    const bool array = context_ != Context::top;
    if (array && (c == ',' || c == ']')) {
      if (c == ']') context_ = context_ == Context::array ? Context::top : Context::wrapper_end;
      ++i;
      at = start + 1;
      continue;
    }
    if (!array && (c == '[' || c == ',')) {
      if (c == '[') context_ = Context::array;
      ++i;
      at = start + 1;
      continue;
    }
    if (c == '{' || (array && c == '[')) status = reader_.read(index_, i, !array);
    if (status == RecordStatus::wrapper) {
      context_ = Context::wrapped_array;
      i = reader_.next();
      at = base + index_.at(i - 1) + 1;
      continue;
    }
    if (status == RecordStatus::incomplete || status == RecordStatus::bad_json) {
      // A record cut off by the window's end is not broken.
      stuck = status == RecordStatus::bad_json || last || size - start > limits_.record_bytes_max;
      at = start;
      break;
    }
    i = reader_.next();
    at = base + index_.at(i - 1) + 1;
    take(status, start, at);
    if (hopeless(at)) {
      index_.release();
      return give_up(at, size, last);
    }
  }
  index_.release();
  if (stuck) return read_matched(text, at, size, last);
  if (last && i >= count) return size;
  return at;
}

void CloudTrailDecoder::take(RecordStatus status, std::size_t start, std::size_t end) {
  if (end - start > limits_.record_bytes_max) {
    return set_aside(
        start, end, "record_too_large",
        fmt::format("a record of {} bytes; the limit is {}", end - start, limits_.record_bytes_max));
  }
  if (status == RecordStatus::event || status == RecordStatus::insight || status == RecordStatus::digest ||
      status == RecordStatus::other_event) {
    record_bytes_ += end - start;
  }
  switch (status) {
    case RecordStatus::event:
      sink_.on_cloudtrail(reader_.event(), ++records_);
      break;
    case RecordStatus::insight:
      sink_.on_filtered(LogKind::cloudtrail, ++records_, "insight_event");
      break;
    case RecordStatus::digest:
      sink_.on_filtered(LogKind::cloudtrail, ++records_, "digest");
      break;
    case RecordStatus::other_event:
      sink_.on_filtered(LogKind::cloudtrail, ++records_, "other_eventbridge_event");
      break;
    case RecordStatus::not_cloudtrail:
      set_aside(start, end, "not_cloudtrail", "an object without eventName and eventSource");
      break;
    case RecordStatus::no_event_time:
      set_aside(start, end, "no_event_time", "the record has no eventTime");
      break;
    case RecordStatus::bad_event_time:
      set_aside(start, end, "bad_event_time", "eventTime is no time");
      break;
    case RecordStatus::duplicate_member:
      set_aside(start, end, "duplicate_member", "a member that says who did what occurs twice");
      break;
    case RecordStatus::bad_escape:
      set_aside(start, end, "bad_json", "a string has an escape that JSON does not know");
      break;
    case RecordStatus::too_deep:
      set_aside(start, end, "too_deep", fmt::format("nested deeper than {} levels", limits_.depth_max));
      break;
    case RecordStatus::wrapper:
    case RecordStatus::incomplete:
    case RecordStatus::bad_json:
      set_aside(start, end, "bad_json", "the record is not JSON");
      break;
  }
}

void CloudTrailDecoder::set_aside(std::size_t start, std::size_t end, std::string_view reason,
                                  std::string detail) {
  quarantine(offset_ + start, offset_ + end, reason, std::move(detail));
}

// Record by record; returns what was consumed. `aside_` is set when the rest of a span comes with the next
// window.
std::size_t CloudTrailDecoder::read_matched(char* text, std::size_t at, std::size_t size, bool last) {
  const std::string_view window(text, size);
  while ((at = skip_blanks(window, at)) < size) {
    if (hopeless(at)) return give_up(at, size, last);
    const char c = text[at];
    const bool array = context_ == Context::array || context_ == Context::wrapped_array;
    if (c == ',' && context_ == Context::wrapper_end) {
      // The wrapper's other members, up to its end.
      if (const std::size_t inside = find_wrapped_array(window, at, 1); inside != std::string_view::npos) {
        context_ = Context::wrapped_array;
        at = inside;
        continue;
      }
      JsonMatcher wrapper;
      wrapper.feed("{");
      const JsonMatcher::Step step = wrapper.feed(window.substr(at + 1));
      if (step.outcome == JsonMatcher::Outcome::more && !last && size - at <= limits_.record_bytes_max)
        return at;
      if (step.outcome == JsonMatcher::Outcome::complete) {
        context_ = Context::top;
        at += 1 + step.used;
        continue;
      }
    }
    if (c == ',' || (array && c == ']') || (context_ == Context::wrapper_end && c == '}') ||
        (context_ == Context::top && c == '[')) {
      if (c == ']')
        context_ = context_ == Context::array ? Context::top : Context::wrapper_end;
      else if (c == '}')
        context_ = Context::top;
      else if (c == '[')
        context_ = Context::array;
      ++at;
      continue;
    }
    std::size_t broken_from = at;
    if (c == '{' || c == '[') {
      if (!array && c == '{') {
        if (const std::size_t inside = find_wrapped_array(window, at); inside != std::string_view::npos) {
          context_ = Context::wrapped_array;
          at = inside;
          continue;
        }
      }
      matcher_ = JsonMatcher{};
      const JsonMatcher::Step step = matcher_.feed(window.substr(at));
      if (step.outcome == JsonMatcher::Outcome::complete) {
        const std::size_t end = at + step.used;
        RecordStatus status = RecordStatus::bad_json;
        if (step.used > limits_.record_bytes_max) {
          status = RecordStatus::event;  // its size is what take() reports
        } else if (index_.build(text + at, step.used)) {
          status = reader_.read(index_, 0, false);
          index_.release();
        } else if (!simdjson::validate_utf8(text + at, step.used)) {
          set_aside(at, end, "invalid_utf8", "the record is not UTF-8");
          at = end;
          continue;
        }
        take(status, at, end);
        at = end;
        continue;
      }
      if (step.outcome == JsonMatcher::Outcome::more && !last) {
        if (size - at <= limits_.record_bytes_max) return at;
        aside_ = Aside::too_large;
        aside_start_ = offset_ + at;
        return size;
      }
      broken_from = at + 1;
    }
    const std::size_t next = find_record_start(window, std::max(broken_from, at + 1));
    if (next != std::string_view::npos) {
      set_aside(at, next, "bad_json", "not JSON; reading goes on at the next record");
      // A record start at top level or in an array: inside a wrapper's other members it can only be an
      // array's.
      if (context_ == Context::wrapper_end) context_ = Context::top;
      at = next;
    } else if (last) {
      set_aside(at, size, broken_from == at ? "bad_json" : "truncated_record",
                "no complete record up to the end of the object");
      at = size;
    } else {
      aside_ = Aside::broken;
      aside_start_ = offset_ + at;
      return size > start_bytes_max ? std::max(at + 1, size - start_bytes_max) : at + 1;
    }
  }
  return size;
}

std::size_t CloudTrailDecoder::give_up(std::size_t at, std::size_t size, bool last) {
  if (aside_ != Aside::hopeless) {
    aside_ = Aside::hopeless;
    aside_start_ = offset_ + at;
  }
  if (last && offset_ + size > aside_start_)
    quarantine(aside_start_, offset_ + size, "not_cloudtrail", hopeless_detail(records_));
  return size;
}

std::size_t CloudTrailDecoder::pass_over(char* text, std::size_t size, bool last) {
  if (aside_ == Aside::hopeless) return give_up(0, size, last);
  const std::string_view window(text, size);
  if (aside_ == Aside::too_large) {
    const JsonMatcher::Step step = matcher_.feed(window);
    if (step.outcome == JsonMatcher::Outcome::complete) {
      aside_ = Aside::none;
      quarantine(aside_start_, offset_ + step.used, "record_too_large",
                 fmt::format("the limit is {} bytes", limits_.record_bytes_max));
      return step.used;
    }
    if (step.outcome == JsonMatcher::Outcome::more) {
      if (last) {
        aside_ = Aside::none;
        quarantine(aside_start_, offset_ + size, "truncated_record",
                   "no end of the record up to the end of the object");
      }
      return size;
    }
    aside_ = Aside::broken;
  }
  const std::size_t next = find_record_start(window, 0);
  if (next != std::string_view::npos || last) {
    aside_ = Aside::none;
    if (context_ == Context::wrapper_end) context_ = Context::top;
    const std::size_t end = next == std::string_view::npos ? size : next;
    quarantine(aside_start_, offset_ + end, "bad_json", "not JSON; reading goes on at the next record");
    return end;
  }
  return size > start_bytes_max ? size - start_bytes_max : size;
}

}  // namespace

std::unique_ptr<TextDecoder> make_cloudtrail_decoder(const ObjectInfo&, const DecodeLimits& limits,
                                                     EventSink& sink) {
  return std::make_unique<CloudTrailDecoder>(limits, sink);
}

}  // namespace picket
