#include "decode/json_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace picket {

namespace {

// Text and index of one window stay in the second-level cache.
constexpr std::size_t window_bytes = 256 * 1024;

bool blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Where the next line that opens an object begins; the text's size when none does.
std::size_t next_record_line(std::string_view text, std::size_t from) {
  const std::size_t found = text.find("\n{", from);
  return found == std::string_view::npos ? text.size() : found + 1;
}

// The last place that probably lies between two records; `at` when there is none. A cut elsewhere costs a
// retry.
std::size_t last_boundary(std::string_view text, std::size_t at) {
  const std::size_t line = text.rfind('\n');
  if (line != std::string_view::npos && line >= at) return line + 1;
  const std::size_t comma = text.rfind("},{");
  return comma == std::string_view::npos || comma < at ? at : comma + 1;
}

// The structural after the container that starts at `i`, by counting brackets.
JsonStep balanced_end(const JsonIndex& index, std::uint32_t i) {
  for (unsigned depth = 0; i < index.count(); ++i) {
    const char c = index.character(i);
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return i + 1;
  }
  return json_incomplete;
}

std::string_view detail_of(std::string_view reason) {
  if (reason == "too_deep") return "the record is nested too deep";
  if (reason == "invalid_utf8") return "the record is not UTF-8";
  if (reason == "truncated_record") return "the text ends inside the record";
  if (reason == "record_too_large") return "the record is longer than a record may be";
  return "not JSON; reading goes on at the next record";
}

}  // namespace

std::size_t JsonRecordsDecoder::window() const { return window_bytes; }

std::size_t JsonRecordsDecoder::feed(char* text, std::size_t size, bool last) {
  std::size_t at = 0;
  if (base_ == 0 && size >= 3 && std::memcmp(text, "\xef\xbb\xbf", 3) == 0) at = 3;  // byte order mark
  if (aside_ && !hopeless_) at = pass_over({text, size}, last);
  if (!aside_ && at < size) {
    const std::size_t end = last ? size : last_boundary({text, size}, at);
    if (end > at) {
      const Walk walked = walk(text, at, end);
      at = walked.at;
      if (walked.stuck && (!walked.incomplete || last || size - at > limits_.record_bytes_max)) {
        at = read_pieces(text, at, end, size, last);
      }
    }
    if (!hopeless_ && !last && !aside_ && size - at > limits_.record_bytes_max) {
      aside_ = true;
      aside_start_ = base_ + at;
      aside_reason_ = "record_too_large";
      at += pass_over({text + at, size - at}, false);
    }
  }
  if (hopeless_) {
    if (!aside_) aside_start_ = base_ + at;
    aside_ = true;
    at = size;
    if (last && base_ + size > aside_start_)
      set_aside(aside_start_, base_ + size, "bad_json", hopeless_detail(records_));
  }
  base_ += at;
  return at;
}

void JsonRecordsDecoder::set_aside(std::uint64_t start, std::uint64_t end, std::string_view reason,
                                   std::string detail) {
  sink_.on_quarantined(kind_, {++records_, start, end - start, reason, std::move(detail)});
  hopeless_ = record_bytes_ == 0 && is_hopeless(records_, end, limits_);
}

// Passes over the rest of a span that is set aside, up to the next line that opens an object.
std::size_t JsonRecordsDecoder::pass_over(std::string_view text, bool last) {
  const std::size_t next = next_record_line(text, 0);
  // A line end may be followed by the opening brace in the next text.
  std::size_t used = next;
  if (next == text.size() && !last && text.ends_with('\n')) used = text.size() - 1;
  if (next < text.size() || last) {
    aside_ = false;
    if (context_ == Context::wrapper_end) context_ = Context::top;
    set_aside(aside_start_, base_ + used, aside_reason_, std::string(detail_of(aside_reason_)));
  }
  return used;
}

// Behind a wrapper's array come its other members or its end. False when neither does.
bool JsonRecordsDecoder::walk_wrapper_end(std::uint32_t& i) {
  if (index_.character(i) == '}') {
    context_ = Context::top;
    ++i;
    return true;
  }
  std::string_view key;
  if (index_.character(i) != ',' || i + 3 >= index_.count() || !string_at(index_, i + 1, key) ||
      index_.character(i + 2) != ':') {
    return false;
  }
  const JsonStep after = skip_value(index_, i + 3, 1, limits_.depth_max);
  if (after < 0) return false;
  i = static_cast<std::uint32_t>(after);
  return true;
}

JsonRecordsDecoder::Walk JsonRecordsDecoder::walk(char* text, std::size_t begin, std::size_t end) {
  using Outcome = JsonRecordReader::Outcome;
  if (!index_.build(text + begin, end - begin)) {
    const bool blanks_only = std::all_of(text + begin, text + end, blank);
    const std::size_t at = blanks_only ? end : begin;
    return {.at = at,
            .stuck = !blanks_only,
            .reason = simdjson::validate_utf8(text + begin, end - begin) ? "bad_json" : "invalid_utf8"};
  }
  Walk walked{.at = begin};
  std::uint32_t i = 0;
  while (i < index_.count() && !hopeless_) {
    const std::size_t start = begin + index_.at(i);
    const char c = index_.character(i);
    if (context_ == Context::wrapper_end) {
      if (!walk_wrapper_end(i)) {
        walked.stuck = true;
        walked.incomplete = i + 3 >= index_.count();
        walked.reason = "bad_json";
        break;
      }
      walked.at = begin + index_.at(i - 1) + 1;
      continue;
    }
    const bool array = context_ != Context::top;
    if (c == ',' || (array && c == ']') || (!array && c == '[')) {
      if (c == ']') context_ = context_ == Context::array ? Context::top : Context::wrapper_end;
      if (c == '[') context_ = Context::array;
      ++i;
      walked.at = start + 1;
      continue;
    }
    Outcome outcome = Outcome::bad_json;
    if (c == '{') {
      if (end - start > limits_.record_bytes_max) {
        const JsonStep after = balanced_end(index_, i);
        const std::size_t stop =
            after < 0 ? end : begin + index_.at(static_cast<std::uint32_t>(after) - 1) + 1;
        if (after >= 0 && stop - start > limits_.record_bytes_max) {
          set_aside(base_ + start, base_ + stop, "record_too_large",
                    fmt::format("a record of {} bytes", stop - start));
          i = static_cast<std::uint32_t>(after);
          walked.at = stop;
          continue;
        }
      }
      outcome = reader_->read(index_, i, !array, records_ + 1);
    }
    if (outcome == Outcome::incomplete) {
      walked.stuck = walked.incomplete = true;
      walked.reason = "truncated_record";
      walked.at = start;
      break;
    }
    if (outcome == Outcome::bad_json || outcome == Outcome::too_deep) {
      const std::string_view reason = outcome == Outcome::too_deep ? "too_deep" : "bad_json";
      const JsonStep after = c == '{' ? balanced_end(index_, i) : json_bad;
      const std::size_t stop = after < 0 ? end : begin + index_.at(static_cast<std::uint32_t>(after) - 1) + 1;
      if (after < 0 || next_record_line({text, stop}, start) < stop) {
        walked.stuck = true;
        walked.reason = reason;
        walked.at = start;
        break;
      }
      set_aside(base_ + start, base_ + stop, reason, std::string(detail_of(reason)));
      i = static_cast<std::uint32_t>(after);
      walked.at = stop;
      continue;
    }
    i = reader_->next();
    walked.at = begin + index_.at(i - 1) + 1;
    if (outcome == Outcome::wrapper) {
      context_ = Context::wrapped_array;
    } else if (outcome == Outcome::refused) {
      set_aside(base_ + start, base_ + walked.at, reader_->reason(), std::move(reader_->detail()));
    } else {
      ++records_;
      record_bytes_ += walked.at - start;
    }
  }
  index_.release();
  if (!walked.stuck && !hopeless_) walked.at = end;
  return walked;
}

// Line by line, where the text as a whole could not be read: what cannot be read either is set aside up to
// the next line that opens an object.
std::size_t JsonRecordsDecoder::read_pieces(char* text, std::size_t at, std::size_t end, std::size_t size,
                                            bool last) {
  while (at < end && !hopeless_) {
    if (blank(text[at])) {
      ++at;
      continue;
    }
    const std::string_view whole(text, end);
    const std::size_t line_end = std::min(whole.find('\n', at), end);
    if (context_ == Context::top && text[at] != '{' && text[at] != '[' && text[at] != ',') {
      std::string_view line = whole.substr(at, line_end - at);
      while (!line.empty() && blank(line.back())) line.remove_suffix(1);
      if (simdjson::validate_utf8(line.data(), line.size()) && reader_->other_line(line, records_ + 1)) {
        ++records_;
        record_bytes_ += line.size();
        at = line_end;
        continue;
      }
    }
    Walk walked = walk(text, at, line_end);
    if (!walked.stuck || walked.at > at) {
      at = walked.at;
      continue;
    }
    const std::size_t piece_end = next_record_line(whole, at);
    if (piece_end > line_end) {
      const Walk more = walk(text, at, piece_end);
      if (!more.stuck || more.at > at) {
        at = more.at;
        continue;
      }
      if (walked.incomplete) walked = more;
    }
    if (piece_end == end && !last) {
      // Where the span ends is not known yet.
      if (size - at <= limits_.record_bytes_max) return at;
      aside_ = true;
      aside_start_ = base_ + at;
      aside_reason_ = walked.incomplete ? "record_too_large" : walked.reason;
      return at + pass_over({text + at, size - at}, false);
    }
    set_aside(base_ + at, base_ + piece_end, walked.reason, std::string(detail_of(walked.reason)));
    if (context_ == Context::wrapper_end) context_ = Context::top;
    at = piece_end;
  }
  return at;
}

}  // namespace picket
