// The positions of all structural characters of a text, found by simdjson's vectorised first stage, and a
// strict walker over them. Faster than walking the text, and it gives every value's byte range for free, so
// raw JSON needs no copy. The whole text is checked for UTF-8 and for control characters in strings when the
// index is built; the walker checks the grammar of everything it passes, skipped values included.
#pragma once

#include <simdjson.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace picket {

class JsonIndex {
 public:
  // Indexes text[0, size). One writable byte at text[size] is overwritten with NUL until `release`; 64
  // readable bytes follow. False when the text ends inside a string, has a control character in one, or is
  // not UTF-8.
  bool build(char* text, std::size_t size);
  // Puts the byte behind the text back. The index stays valid.
  void release() {
    if (text_ != nullptr) text_[size_] = saved_;
  }
  const char* text() const { return text_; }
  std::size_t size() const { return size_; }
  std::uint32_t count() const { return count_; }
  // Offset of structural number `i`; those of the two after the last are the size of the text.
  std::uint32_t at(std::uint32_t i) const { return positions_[i]; }
  char character(std::uint32_t i) const { return text_[positions_[i]]; }
  // The first backslash at or behind `offset`; the end of the text when there is none. Most records have
  // none, so that what ends before it needs no look. With rising offsets the text is searched once in all.
  const char* first_escape(std::uint32_t offset) const {
    const char* const from = text_ + offset;
    if (escape_ == nullptr || from > escape_ || from < escape_from_) {
      const void* const found = std::memchr(from, '\\', size_ - offset);
      escape_ = found == nullptr ? text_ + size_ : static_cast<const char*>(found);
      escape_from_ = from;
    }
    return escape_;
  }

 private:
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser_;
  const std::uint32_t* positions_ = nullptr;
  char* text_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
  std::uint32_t count_ = 0;
  char saved_ = 0;
  mutable const char *escape_ = nullptr, *escape_from_ = nullptr;
};

// Where a walk ended: the structural after what was walked, or one of the failures.
using JsonStep = std::int64_t;
constexpr JsonStep json_incomplete = -1;  // the text ends before the value does
constexpr JsonStep json_bad = -2;         // not JSON
constexpr JsonStep json_too_deep = -3;

// The structural after the value that starts at structural `i`. `depth` is that of the value's container;
// containers deeper than `depth_max` (at most 64) are json_too_deep.
JsonStep skip_value(const JsonIndex& index, std::uint32_t i, unsigned depth, unsigned depth_max);

// The text of the string at structural `i` without its quotes, escapes as they are. False when it is no
// well-ended string.
inline bool string_at(const JsonIndex& index, std::uint32_t i, std::string_view& out) {
  const char* const text = index.text();
  const std::uint32_t start = index.at(i);
  std::uint32_t end = index.at(i + 1);
  // Only blanks lie between a string and the next structural character, in logs mostly none.
  if (text[end - 1] != '"') {
    while (end > start &&
           (text[end - 1] == ' ' || text[end - 1] == '\n' || text[end - 1] == '\r' || text[end - 1] == '\t'))
      --end;
  }
  if (end < start + 2 || text[end - 1] != '"' || text[start] != '"') return false;
  out = {text + start + 1, end - start - 2};
  return true;
}

// The number, true, false or null at structural `i`; empty when it is none.
std::string_view scalar_at(const JsonIndex& index, std::uint32_t i);

// Whether the text has a backslash; reads up to 31 bytes behind it.
inline bool has_escape(std::string_view text) {
#if defined(__AVX2__)
  const __m256i backslash = _mm256_set1_epi8('\\');
  for (std::size_t at = 0; at < text.size(); at += 32) {
    const __m256i block = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text.data() + at));
    auto hits = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(block, backslash)));
    if (const std::size_t left = text.size() - at; left < 32) hits &= (1U << left) - 1;
    if (hits != 0) return true;
  }
  return false;
#else
  return text.find('\\') != std::string_view::npos;
#endif
}

// Undoes JSON's escapes into `out` (room for text.size() bytes is enough); returns the length, or -1 when an
// escape is none of JSON's. A lone surrogate becomes U+FFFD.
std::ptrdiff_t unescape_json(std::string_view text, char* out);

}  // namespace picket
