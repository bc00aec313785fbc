#include "base/json_writer.h"

#include <fmt/format.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace picket {

namespace {

// Length of the valid UTF-8 sequence at the start of `text`, 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xc2 && first < 0xe0 ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return 0;
  }
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) >= 0xa0) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) >= 0x90) return 0;
  return length;
}

// What stands for a byte behind a backslash; 0 for a byte that is not written so.
constexpr std::array<char, 256> short_escapes = [] {
  std::array<char, 256> escapes{};
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  return escapes;
}();

constexpr bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// Which of eight bytes do not stand for themselves: the top bits of these, and perhaps of some behind the
// first.
std::uint64_t not_plain(std::uint64_t bytes) {
  constexpr std::uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;
  const auto holds = [&](unsigned char c) {  // in its top bits, where no byte has its own top bit
    const std::uint64_t zero = bytes ^ (ones * c);
    return (zero - ones) & ~zero;
  };
  return (bytes | (bytes - ones * 0x20) | holds('"') | holds('\\') | holds(0x7f)) & tops;
}

struct Written {
  const char* from;  // the first byte that is not printable ASCII and has no short escape
  char* to;
};

// `to` has room for twice the text.
Written write_ascii(const char* from, const char* end, char* to) {
  while (from != end) {
#if defined(__SSE2__)
    // Sixteen bytes at once; documents within documents are full of quotes, so each piece between two is
    // copied without a look at its length. What is read and written beyond it is within the text and the room
    // for it.
    while (end - from >= 32) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      const __m128i special = _mm_or_si128(_mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
                                                        _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f))),
                                           _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                                        _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
      auto mask = static_cast<unsigned>(_mm_movemask_epi8(special));
      int done = 0;
      for (; mask != 0; mask &= mask - 1) {
        const int at = std::countr_zero(mask);
        std::memcpy(to, from + done, 16);
        to += at - done;
        done = at;
        const char escape = short_escapes[static_cast<unsigned char>(from[at])];
        if (escape == 0) return {from + at, to};
        *to++ = '\\';
        *to++ = escape;
        ++done;
      }
      std::memcpy(to, from + done, 16);
      to += 16 - done;
      from += 16;
    }
#endif
    while (end - from >= 8) {
      std::uint64_t bytes = 0;
      std::memcpy(&bytes, from, 8);
      if (not_plain(bytes) != 0) break;
      std::memcpy(to, from, 8);
      from += 8;
      to += 8;
    }
    while (from != end && is_plain(*from)) *to++ = *from++;
    if (from == end) break;
    const char escape = short_escapes[static_cast<unsigned char>(*from)];
    if (escape == 0) break;
    *to++ = '\\';
    *to++ = escape;
    ++from;
  }
  return {from, to};
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (true) {
    const std::size_t before = out.size();
    out.resize_and_overwrite(before + 2 * text.size(), [&](char* data, std::size_t) {
      const Written written = write_ascii(text.data(), text.data() + text.size(), data + before);
      text.remove_prefix(static_cast<std::size_t>(written.from - text.data()));
      return static_cast<std::size_t>(written.to - data);
    });
    if (text.empty()) break;
    if (const auto c = static_cast<unsigned char>(text.front()); c < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", c);
      text.remove_prefix(1);
    } else if (const std::size_t length = utf8_length(text); length > 0) {
      out += text.substr(0, length);
      text.remove_prefix(length);
    } else {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
    }
  }
  out += '"';
}

void JsonWriter::value(double number) {
  if (!std::isfinite(number)) {
    null();
    return;
  }
  // Whole numbers are written without a fraction, as GuardDuty writes severities.
  if (number == std::floor(number) && std::fabs(number) < 1e15) {
    raw(fmt::format("{}", static_cast<std::int64_t>(number)));
    return;
  }
  raw(fmt::format("{}", number));
}

void JsonWriter::value(const std::vector<std::string>& texts) {
  begin_array();
  for (const std::string& text : texts) value(text);
  end_array();
}

void JsonWriter::value(const std::map<std::string, std::string>& texts) {
  begin_object();
  for (const auto& [name, text] : texts) member(name, text);
  end_object();
}

}  // namespace picket
