#include "base/json_writer.h"

#include <fmt/format.h>

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

// How many bytes at the start of `text` stand for themselves: printable ASCII but the quote and the
// backslash.
std::size_t plain_length(std::string_view text) {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, 8);
    constexpr std::uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;
    const auto holds = [&](unsigned char c) {  // in its top bits, where no byte has its own top bit
      const std::uint64_t zero = bytes ^ (ones * c);
      return (zero - ones) & ~zero;
    };
    if (((bytes | (bytes - ones * 0x20) | holds('"') | holds('\\') | holds(0x7f)) & tops) != 0) break;
  }
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  while (at < text.size() && plain(text[at])) ++at;
  return at;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t at = 0;
  while (true) {
    const std::size_t plain = plain_length(text.substr(at));
    out += text.substr(at, plain);
    at += plain;
    if (at == text.size()) break;
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[at++];
    } else if (c == '\n') {
      out += "\\n";
      ++at;
    } else if (c == '\t') {
      out += "\\t";
      ++at;
    } else if (c == '\r') {
      out += "\\r";
      ++at;
    } else if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", c);
      ++at;
    } else if (const std::size_t length = utf8_length(text.substr(at)); length > 0) {
      out += text.substr(at, length);
      at += length;
    } else {
      out += "\xef\xbf\xbd";
      ++at;
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
