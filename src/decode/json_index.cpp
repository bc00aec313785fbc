#include "decode/json_index.h"

#include <algorithm>
#include <bit>

namespace picket {

bool JsonIndex::build(char* text, std::size_t size) {
  text_ = nullptr;
  escape_ = nullptr;
  count_ = 0;
  if (size == 0 || size >= UINT32_MAX) return false;
  if (size > capacity_) {
    parser_.reset();
    capacity_ = 0;
    const std::size_t wanted = std::max<std::size_t>(std::bit_ceil(size), 64 << 10);
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(wanted, 1, parser_) !=
        simdjson::SUCCESS)
      return false;
    capacity_ = wanted;
  }
  if (parser_->stage1(reinterpret_cast<const std::uint8_t*>(text), size, simdjson::stage1_mode::regular) !=
      simdjson::SUCCESS)
    return false;
  positions_ = parser_->structural_indexes.get();
  count_ = parser_->n_structural_indexes;
  text_ = text;
  size_ = size;
  saved_ = text[size];
  text[size] = '\0';
  return true;
}

std::string_view scalar_at(const JsonIndex& index, std::uint32_t i) {
  const char* const text = index.text();
  const std::uint32_t start = index.at(i);
  std::uint32_t end = index.at(i + 1);
  while (end > start &&
         (text[end - 1] == ' ' || text[end - 1] == '\n' || text[end - 1] == '\r' || text[end - 1] == '\t'))
    --end;
  const std::string_view token(text + start, end - start);
  switch (token.empty() ? '\0' : token.front()) {
    case 't':
      return token == "true" ? token : std::string_view{};
    case 'f':
      return token == "false" ? token : std::string_view{};
    case 'n':
      return token == "null" ? token : std::string_view{};
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': {
      // The order of digits, point and exponent is left to whoever needs the number's value.
      const bool number = std::all_of(token.begin(), token.end(), [](char c) {
        return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
      });
      return number ? token : std::string_view{};
    }
    default:
      return {};
  }
}

JsonStep skip_value(const JsonIndex& index, std::uint32_t i, unsigned depth, unsigned depth_max) {
  const std::uint32_t count = index.count();
  std::uint64_t objects = 0;  // bit n: the container n levels up is an object
  const unsigned outer = depth;
  std::string_view string;

value:
  switch (index.character(i)) {
    case '"':
      if (!string_at(index, i, string)) goto wrong;
      ++i;
      break;
    case '{':
      if (++depth > depth_max) return json_too_deep;
      ++i;
      if (index.character(i) == '}' && i < count) {
        --depth;
        ++i;
        break;
      }
      objects = objects << 1 | 1;
      goto member;
    case '[':
      if (++depth > depth_max) return json_too_deep;
      ++i;
      if (index.character(i) == ']' && i < count) {
        --depth;
        ++i;
        break;
      }
      objects <<= 1;
      goto value;
    default:
      if (i >= count || i + 1 >= count) return json_incomplete;
      if (scalar_at(index, i).empty()) return json_bad;
      ++i;
  }

after:
  if (depth == outer) return i;
  switch (index.character(i++)) {
    case ',':
      if (objects & 1) goto member;
      goto value;
    case '}':
      if ((objects & 1) == 0) return json_bad;
      objects >>= 1;
      --depth;
      goto after;
    case ']':
      if (objects & 1) return json_bad;
      objects >>= 1;
      --depth;
      goto after;
    default:
      --i;
      goto wrong;
  }

member:
  if (!string_at(index, i, string)) goto wrong;
  if (index.character(i + 1) != ':') {
    ++i;
    goto wrong;
  }
  i += 2;
  goto value;

wrong:
  return i + 1 >= count ? json_incomplete : json_bad;
}

namespace {

// Four hexadecimal digits at text[at]; -1 when they are not.
int hex4(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const char c = text[i];
    int digit = 0;
    if (c >= '0' && c <= '9')
      digit = c - '0';
    else if (c >= 'a' && c <= 'f')
      digit = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F')
      digit = c - 'A' + 10;
    else
      return -1;
    value = value << 4 | digit;
  }
  return value;
}

char* put_utf8(char* out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { *out++ = static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | code >> 6);
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3f));
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
  return out;
}

}  // namespace

std::ptrdiff_t unescape_json(std::string_view text, char* out) {
  char* const begin = out;
  std::size_t at = 0;
  while (true) {
    const std::size_t backslash = std::min(text.find('\\', at), text.size());
    out += text.copy(out, backslash - at, at);
    at = backslash;
    if (at == text.size()) return out - begin;
    if (at + 1 >= text.size()) return -1;
    const char escape = text[at + 1];
    at += 2;
    switch (escape) {
      case '"':
      case '\\':
      case '/':
        *out++ = escape;
        break;
      case 'b':
        *out++ = '\b';
        break;
      case 'f':
        *out++ = '\f';
        break;
      case 'n':
        *out++ = '\n';
        break;
      case 'r':
        *out++ = '\r';
        break;
      case 't':
        *out++ = '\t';
        break;
      case 'u': {
        const int high = hex4(text, at);
        if (high < 0) return -1;
        at += 4;
        auto code = static_cast<std::uint32_t>(high);
        if (code >= 0xd800 && code < 0xdc00 && at + 1 < text.size() && text[at] == '\\' &&
            text[at + 1] == 'u') {
          const int low = hex4(text, at + 2);
          if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + static_cast<std::uint32_t>(low - 0xdc00);
            at += 6;
          }
        }
        if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
        out = put_utf8(out, code);
        break;
      }
      default:
        return -1;
    }
  }
}

}  // namespace picket
