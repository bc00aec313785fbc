// Records that are JSON objects, in the forms logs have them: JSON lines, one object after another (also over
// several lines), an array, or an array inside one object. The windows, the broken spans and the limits are
// handled here; what a record means is its reader's business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "decode/decoder.h"
#include "decode/json_index.h"

namespace picket {

class JsonRecordReader {
 public:
  enum class Outcome : std::uint8_t {
    delivered,  // told to the sink under the position given (as event or filtered)
    wrapper,    // no record but an object around an array of them; next() is the array's first element
    refused,    // to be set aside: reason() and detail() say why
    too_deep,
    incomplete,  // the text ends inside
    bad_json,
  };
  virtual ~JsonRecordReader() = default;
  // Reads the object at structural `i`. `top` says that it may be a wrapper.
  virtual Outcome read(const JsonIndex& index, std::uint32_t i, bool top, std::uint64_t position) = 0;
  // A line outside all records that is no JSON. True when it was told to the sink as filtered.
  virtual bool other_line(std::string_view line, std::uint64_t position) = 0;

  // The structural after the record; valid after delivered, wrapper and refused.
  std::uint32_t next() const { return next_; }
  std::string_view reason() const { return reason_; }
  std::string& detail() { return detail_; }

 protected:
  Outcome refuse(std::string_view reason, std::string detail) {
    reason_ = reason;
    detail_ = std::move(detail);
    return Outcome::refused;
  }
  std::uint32_t next_ = 0;

 private:
  std::string_view reason_;
  std::string detail_;
};

class JsonRecordsDecoder final : public TextDecoder {
 public:
  JsonRecordsDecoder(LogKind kind, std::unique_ptr<JsonRecordReader> reader, const DecodeLimits& limits,
                     EventSink& sink)
      : kind_(kind), reader_(std::move(reader)), limits_(limits), sink_(sink) {}

  std::size_t window() const override;
  std::size_t feed(char* text, std::size_t size, bool last) override;
  std::uint64_t records_read() const override { return records_; }
  std::uint64_t record_bytes() const override { return record_bytes_; }

 private:
  // What encloses the next value.
  enum class Context : std::uint8_t { top, array, wrapped_array, wrapper_end };
  struct Walk {
    std::size_t at = 0;       // everything before is done
    bool stuck = false;       // the value at `at` cannot be read
    bool incomplete = false;  // … in this text; with more behind it it may
    std::string_view reason;  // … otherwise why
  };

  Walk walk(char* text, std::size_t begin, std::size_t end);
  bool walk_wrapper_end(std::uint32_t& i);
  std::size_t read_pieces(char* text, std::size_t at, std::size_t end, std::size_t size, bool last);
  std::size_t pass_over(std::string_view text, bool last);
  void set_aside(std::uint64_t start, std::uint64_t end, std::string_view reason, std::string detail);

  const LogKind kind_;
  const std::unique_ptr<JsonRecordReader> reader_;
  const DecodeLimits limits_;
  EventSink& sink_;
  JsonIndex index_;
  Context context_ = Context::top;
  std::uint64_t base_ = 0;  // decoded bytes before the current text
  std::uint64_t records_ = 0;
  std::uint64_t record_bytes_ = 0;
  // Inside a span that is set aside and whose end was not seen yet.
  bool aside_ = false;
  bool hopeless_ = false;  // all the rest is
  std::uint64_t aside_start_ = 0;
  std::string_view aside_reason_;
};

// Member by member: calls on_member(key, structural of the value) for the object at structural `i`, which
// lies `depth` containers deep, and expects the structural after the value, or a failure. Answers likewise.
template <class OnMember>
JsonStep each_json_member(const JsonIndex& index, std::uint32_t i, OnMember on_member) {
  if (index.character(i + 1) == '}' && i + 1 < index.count()) return i + 2;
  const auto wrong = [&](std::uint32_t at) { return at + 1 >= index.count() ? json_incomplete : json_bad; };
  do {
    ++i;  // behind { or ,
    std::string_view key;
    if (i + 1 >= index.count() || index.character(i + 1) != ':' || !string_at(index, i, key))
      return wrong(i + 1);
    const JsonStep after = on_member(key, i + 2);
    if (after < 0) return after;
    i = static_cast<std::uint32_t>(after);
  } while (i < index.count() && index.character(i) == ',');
  if (i >= index.count() || index.character(i) != '}') return wrong(i);
  return i + 1;
}

// The same for the elements of the array at structural `i`: on_element(structural of the element).
template <class OnElement>
JsonStep each_json_element(const JsonIndex& index, std::uint32_t i, OnElement on_element) {
  if (index.character(i + 1) == ']' && i + 1 < index.count()) return i + 2;
  do {
    const JsonStep after = on_element(i + 1);
    if (after < 0) return after;
    i = static_cast<std::uint32_t>(after);
  } while (i < index.count() && index.character(i) == ',');
  if (i >= index.count() || index.character(i) != ']')
    return i + 1 >= index.count() ? json_incomplete : json_bad;
  return i + 1;
}

}  // namespace picket
