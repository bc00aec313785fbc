// Texts and times of JSON records that are read over a JsonIndex.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "decode/json_index.h"

namespace picket {

// Comparison with a length that the compiler knows: quick behind a switch over the length.
template <std::size_t N>
bool is(std::string_view key, const char (&literal)[N]) {
  return key.size() == N - 1 && std::memcmp(key.data(), literal, N - 1) == 0;
}

// Strings of one record: views into the record, or into a buffer of its own where an escape had to be undone.
class JsonTexts {
 public:
  // A new record starts at structural `i`; the texts of the last one are gone.
  void begin(const JsonIndex& index, std::uint32_t i) {
    unescaped_size_ = 0;
    bad_escape_ = false;
    // What the undone escapes of one record need is at most its size; room is made once, so that views stay.
    room_ = index.size() - index.at(i);
    escape_ = index.first_escape(index.at(i));
  }
  // A scalar as text, an empty view for null and for objects and arrays. The value lies `depth` containers
  // deep. Answers the structural after it, or a failure.
  JsonStep read(const JsonIndex& index, std::uint32_t value, unsigned depth, unsigned depth_max,
                std::string_view& out) {
    const char c = index.character(value);
    if (c == '"') {
      if (!string_at(index, value, out)) return value + 1 >= index.count() ? json_incomplete : json_bad;
      if (out.data() + out.size() > escape_ && has_escape(out)) undo(out);
      return value + 1;
    }
    if (c != '{' && c != '[' && c != 'n') out = scalar_at(index, value);
    return skip_value(index, value, depth, depth_max);
  }
  bool bad_escape() const { return bad_escape_; }

 private:
  void undo(std::string_view& text) {
    if (unescaped_.size() < room_) unescaped_.resize(room_);
    const std::ptrdiff_t size = unescape_json(text, unescaped_.data() + unescaped_size_);
    bad_escape_ |= size < 0;
    text = {unescaped_.data() + unescaped_size_, size < 0 ? 0 : static_cast<std::size_t>(size)};
    unescaped_size_ += text.size();
  }

  std::vector<char> unescaped_;
  std::size_t unescaped_size_ = 0, room_ = 0;
  const char* escape_ = nullptr;  // no text of the record that ends before it has an escape
  bool bad_escape_ = false;
};

// parse_time, quick for the times of one log in UTC, which mostly share their date. A missing zone means UTC.
class TimeReader {
 public:
  std::optional<TimeMs> read(std::string_view text) {
    if (text.size() >= form_.size() && text.back() == 'Z' &&
        std::memcmp(text.data(), date_.data(), date_.size()) == 0 && text[13] == ':' && text[16] == ':') {
      const unsigned hour = two(text, 11), minute = two(text, 14), second = two(text, 17);
      const int fraction = milliseconds(text.substr(19, text.size() - form_.size()));
      if (hour < 24 && minute < 60 && second < 60 && fraction >= 0) {
        return midnight_ + hour * hour_ms + minute * minute_ms + second * second_ms + fraction;
      }
    }
    auto time = parse_time(text);
    std::array<char, 32> with_zone{};
    if (!time && text.size() >= form_.size() - 1 && text.size() < with_zone.size()) {
      text.copy(with_zone.data(), text.size());
      with_zone[text.size()] = 'Z';
      return parse_time({with_zone.data(), text.size() + 1});
    }
    if (time && text.size() >= form_.size() && text[10] == 'T' && text.back() == 'Z') {
      text.copy(date_.data(), date_.size());
      midnight_ = *time - (*time % day_ms + day_ms) % day_ms;
      // A leap second belongs to the day before its midnight.
      if (text[17] == '6') date_[0] = '\0';
    }
    return time;
  }

 private:
  static constexpr std::string_view form_ = "2026-11-24T03:10:50Z";
  static unsigned two(std::string_view text, std::size_t at) {
    const unsigned tens = static_cast<unsigned char>(text[at]) - unsigned{'0'};
    const unsigned ones = static_cast<unsigned char>(text[at + 1]) - unsigned{'0'};
    return tens > 9 || ones > 9 ? 99 : tens * 10 + ones;
  }
  // Of "" or ".123456": up to nine digits. -1 when it is something else.
  static int milliseconds(std::string_view fraction) {
    if (fraction.empty()) return 0;
    if (fraction.size() < 2 || fraction.size() > 10 || fraction[0] != '.') return -1;
    int value = 0;
    for (std::size_t i = 1; i < fraction.size(); ++i) {
      const unsigned digit = static_cast<unsigned char>(fraction[i]) - unsigned{'0'};
      if (digit > 9) return -1;
      if (i <= 3) value = value * 10 + static_cast<int>(digit);
    }
    for (std::size_t i = fraction.size(); i <= 3; ++i) value *= 10;
    return value;
  }
  std::array<char, 11> date_{};  // "2026-11-24T"
  TimeMs midnight_ = 0;
};

}  // namespace picket
