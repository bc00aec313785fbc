#include "decode/flow_split.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "decode/flow_line.h"

namespace picket {

namespace {

void find_scalar(const char* text, std::size_t size, FlowSeparators& out) {
  for (std::size_t i = 0; i < size; ++i) {
    const char c = text[i];
    if (c == ' ' || c == '\n') out.all[out.all_count++] = static_cast<std::uint32_t>(i);
    if (c == '\n') out.lines[out.lines_count++] = static_cast<std::uint32_t>(i);
    out.odd_bytes |= static_cast<signed char>(c) < 0x20 && c != '\n';
  }
}

#if defined(__AVX2__)

std::uint64_t mask_of(__m256i low, __m256i high) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(low)) |
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(high))) << 32;
}

// Appends the positions of the set bits. `step` are written without a look at the count, so that the common
// case has no branch that depends on the text.
template <int step>
void append_bits(std::uint64_t bits, std::uint32_t base, std::uint32_t* into, std::size_t& count) {
  const auto set = static_cast<std::size_t>(std::popcount(bits));
  std::uint32_t* at = into + count;
  for (int i = 0; i < step; ++i) {
    at[i] = base + static_cast<std::uint32_t>(_tzcnt_u64(bits));
    bits &= bits - 1;
  }
  if (set > step) [[unlikely]] {
    for (at += step; bits != 0; bits &= bits - 1) *at++ = base + static_cast<std::uint32_t>(_tzcnt_u64(bits));
  }
  count += set;
}

void find_simd(const char* text, std::size_t size, FlowSeparators& out) {
  const __m256i blank = _mm256_set1_epi8(' '), newline = _mm256_set1_epi8('\n');
  std::uint64_t odd = 0;
  std::size_t all_count = 0, lines_count = 0;
  for (std::size_t at = 0; at < size; at += 64) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + at));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + at + 32));
    const std::uint64_t valid = size - at >= 64 ? ~0ULL : (1ULL << (size - at)) - 1;
    const std::uint64_t lines =
        valid & mask_of(_mm256_cmpeq_epi8(low, newline), _mm256_cmpeq_epi8(high, newline));
    const std::uint64_t blanks =
        valid & mask_of(_mm256_cmpeq_epi8(low, blank), _mm256_cmpeq_epi8(high, blank));
    // Signed: bytes from 0x80 up are below the blank too.
    odd |= valid & ~lines & mask_of(_mm256_cmpgt_epi8(blank, low), _mm256_cmpgt_epi8(blank, high));
    const auto base = static_cast<std::uint32_t>(at);
    append_bits<12>(lines | blanks, base, out.all.data(), all_count);
    append_bits<2>(lines, base, out.lines.data(), lines_count);
  }
  out.all_count = all_count;
  out.lines_count = lines_count;
  out.odd_bytes = odd != 0;
}

// How to spread a dotted quad of one shape (lengths of its four numbers): each number right-aligned in four
// bytes.
struct QuadShape {
  alignas(16) std::array<std::uint8_t, 16> spread{};
  alignas(
      16) std::array<std::int32_t, 4> least{};  // the smallest number of that many digits: no leading zeros
};

struct QuadTable {
  // Bit p set: byte p is a dot or the end. 0 = no shape here.
  std::array<std::uint32_t, 256> stops{};
  std::array<QuadShape, 256> shapes{};
};

// Found by trying random odd numbers: it sends the 81 shapes to 81 slots.
constexpr std::uint32_t quad_slot(std::uint32_t stops) { return stops * 0xaeca56bfU >> 24; }

constexpr QuadTable make_quad_table() {
  QuadTable table;
  for (unsigned shape = 0; shape < 81; ++shape) {
    const std::array<unsigned, 4> lengths{shape / 27 + 1, shape / 9 % 3 + 1, shape / 3 % 3 + 1,
                                          shape % 3 + 1};
    QuadShape made;
    std::uint32_t stops = 0;
    unsigned at = 0;
    for (unsigned part = 0; part < 4; ++part) {
      for (unsigned i = 0; i < 4; ++i) {
        made.spread[part * 4 + i] =
            i < 4 - lengths[part] ? 0x80 : static_cast<std::uint8_t>(at + i - (4 - lengths[part]));
      }
      made.least[part] = lengths[part] == 1 ? 0 : lengths[part] == 2 ? 10 : 100;
      at += lengths[part];
      stops |= 1U << at;
      ++at;
    }
    table.stops[quad_slot(stops)] = stops;
    table.shapes[quad_slot(stops)] = made;
  }
  return table;
}

constexpr QuadTable quads = make_quad_table();
static_assert(std::ranges::count_if(quads.stops, [](std::uint32_t stops) { return stops != 0; }) == 81);

// mask[16 - n … 31 - n] keeps the last n bytes of sixteen.
struct TailMask {
  alignas(32) std::array<std::uint8_t, 32> bytes{};
};
constexpr TailMask tail_mask = [] {
  TailMask made;
  for (unsigned i = 16; i < 32; ++i) made.bytes[i] = 0xff;
  return made;
}();

// The 16 bytes that end at `end`, all before the last `length` zeroed, digits as values.
__m128i digits_before(const char* end, std::uint32_t length) {
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(end - 16));
  const __m128i keep = _mm_loadu_si128(reinterpret_cast<const __m128i*>(tail_mask.bytes.data() + length));
  return _mm_and_si128(_mm_sub_epi8(text, _mm_set1_epi8('0')), keep);
}

// Two numbers of up to 16 digits; anything but digits shows in `wrong`.
__m256i eight_digit_groups(__m256i digits, __m256i& wrong) {
  wrong = _mm256_or_si256(wrong, _mm256_subs_epu8(digits, _mm256_set1_epi8(9)));
  const __m256i pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));               // 10, 1
  const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00010064));               // 100, 1
  return _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), _mm256_set1_epi32(0x00012710));  // 10000, 1
}

#endif

}  // namespace

void find_flow_separators(const char* text, std::size_t size, FlowSplit split, FlowSeparators& out) {
  out.all_count = out.lines_count = 0;
  out.odd_bytes = false;
#if defined(__AVX2__)
  if (split == FlowSplit::simd) {
    find_simd(text, size, out);
  } else {
    find_scalar(text, size, out);
  }
#else
  static_cast<void>(split);
  find_scalar(text, size, out);
#endif
  // A reader may look up to 14 entries ahead of the last one.
  std::fill_n(out.all.begin() + static_cast<std::ptrdiff_t>(out.all_count), 16, 0xffffffffU);
}

#if defined(__AVX2__)

bool read_default_flow_line(const char* text, std::uint32_t begin, const std::uint32_t* ends,
                            FlowRecord& record) {
  const auto length = [&](int field) { return ends[field] - ends[field - 1] - 1; };
  const std::uint32_t src_length = length(3), dst_length = length(4), srcport = length(5),
                      dstport = length(6), protocol = length(7), packets = length(8), bytes = length(9),
                      start = length(10), end = length(11);
  // A length above its bound leaves bits above the lowest four, and so does 0 where one is subtracted. Times
  // have at most 12 digits, which keeps them below flow_seconds_end. An account or interface of one character
  // may be "-".
  const std::uint32_t off = ((src_length | dst_length | (srcport - 1) | (dstport - 1) | (packets - 1) |
                              (bytes - 1) | (start - 1) | (start + 3) | (end - 1) | (end + 3)) &
                             ~15U) |
                            ((length(1) - 2) & 0x80000000U) | ((length(2) - 2) & 0x80000000U);
  if (off != 0 || protocol - 1 > 2 || ends[0] - begin != 1 || text[begin] != '2') return false;

  const char* action = text + ends[11] + 1;
  std::uint64_t word = 0;
  std::memcpy(&word, action, 8);
  constexpr std::uint64_t accept =
      std::bit_cast<std::uint64_t>(std::array<char, 8>{'A', 'C', 'C', 'E', 'P', 'T', ' ', 'O'});
  constexpr std::uint64_t reject =
      std::bit_cast<std::uint64_t>(std::array<char, 8>{'R', 'E', 'J', 'E', 'C', 'T', ' ', 'O'});
  if ((word != accept && word != reject) || ends[13] - ends[11] != 10 || action[8] != 'K') return false;

  // Addresses, the source in the low half.
  const char* src = text + ends[2] + 1;
  const char* dst = text + ends[3] + 1;
  const __m256i both =
      _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src))),
                              _mm_loadu_si128(reinterpret_cast<const __m128i*>(dst)), 1);
  const auto dots =
      static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(both, _mm256_set1_epi8('.'))));
  const std::uint32_t src_stops = (dots & ((1U << src_length) - 1)) | 1U << src_length;
  const std::uint32_t dst_stops = (dots >> 16 & ((1U << dst_length) - 1)) | 1U << dst_length;
  const std::uint32_t src_slot = quad_slot(src_stops), dst_slot = quad_slot(dst_stops);
  if (quads.stops[src_slot] != src_stops || quads.stops[dst_slot] != dst_stops) return false;
  const QuadShape& src_shape = quads.shapes[src_slot];
  const QuadShape& dst_shape = quads.shapes[dst_slot];
  const auto load = [](const auto& low, const auto& high) {
    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(low.data()))),
        _mm_load_si128(reinterpret_cast<const __m128i*>(high.data())), 1);
  };
  const __m256i octet_digits = _mm256_shuffle_epi8(_mm256_sub_epi8(both, _mm256_set1_epi8('0')),
                                                   load(src_shape.spread, dst_shape.spread));
  __m256i wrong = _mm256_subs_epu8(octet_digits, _mm256_set1_epi8(9));
  const __m256i halves = _mm256_maddubs_epi16(octet_digits, _mm256_set1_epi32(0x010a6400));  // 0, 100, 10, 1
  const __m256i octets = _mm256_madd_epi16(halves, _mm256_set1_epi16(1));
  wrong = _mm256_or_si256(wrong, _mm256_cmpgt_epi32(octets, _mm256_set1_epi32(255)));
  wrong = _mm256_or_si256(wrong, _mm256_cmpgt_epi32(load(src_shape.least, dst_shape.least), octets));
  const __m128i place = _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12);
  const __m128i mapped = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 0, 0, 0, 0);
  const __m256i addresses = _mm256_or_si256(_mm256_shuffle_epi8(octets, _mm256_broadcastsi128_si256(place)),
                                            _mm256_broadcastsi128_si256(mapped));

  // Numbers. Sixteen bytes before any end lie within the line: two addresses of at least 7 bytes come first.
  const auto pair = [&](int low, std::uint32_t low_length, int high, std::uint32_t high_length) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(digits_before(text + ends[low], low_length)),
                                   digits_before(text + ends[high], high_length), 1);
  };
  const __m256i ports = eight_digit_groups(pair(5, srcport, 6, dstport), wrong);
  const __m256i counts = eight_digit_groups(pair(8, packets, 9, bytes), wrong);
  const __m256i times = eight_digit_groups(pair(10, start, 11, end), wrong);
  // Each half now holds the upper and the lower eight digits as 32 bits.
  const auto joined = [](__m256i groups, int half) {
    const __m128i group = half == 0 ? _mm256_castsi256_si128(groups) : _mm256_extracti128_si256(groups, 1);
    const auto value = static_cast<std::uint64_t>(_mm_cvtsi128_si64(group));
    return (value & 0xffffffffU) * 100'000'000U + (value >> 32);
  };
  const std::uint64_t from_port = joined(ports, 0), to_port = joined(ports, 1);

  const char* protocol_end = text + ends[7];
  std::uint32_t number = 0;
  std::memcpy(&number, protocol_end - 4, 4);
  number = (number ^ 0x30303030U) & (~0U << (32 - 8 * protocol));
  const std::uint32_t protocol_wrong = ((number + 0x76767676U) | number) & 0x80808080U;
  number = (number >> 24) + 10 * (number >> 16 & 255U) + 100 * (number >> 8 & 255U);

  if (!_mm256_testz_si256(wrong, wrong) || protocol_wrong != 0 || from_port > 65535 || to_port > 65535 ||
      number > 255) {
    return false;
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&record.srcaddr), _mm256_castsi256_si128(addresses));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&record.dstaddr), _mm256_extracti128_si256(addresses, 1));
  record.packets = joined(counts, 0);
  record.bytes = joined(counts, 1);
  record.start = static_cast<std::int64_t>(joined(times, 0));
  record.end = static_cast<std::int64_t>(joined(times, 1));
  record.srcport = static_cast<std::uint16_t>(from_port);
  record.dstport = static_cast<std::uint16_t>(to_port);
  record.protocol = static_cast<std::uint8_t>(number);
  record.action = word == accept ? FlowAction::accept : FlowAction::reject;
  record.account_id = {text + ends[0] + 1, length(1)};
  record.interface_id = {text + ends[1] + 1, length(2)};
  return true;
}

#else

bool read_default_flow_line(const char*, std::uint32_t, const std::uint32_t*, FlowRecord&) { return false; }

#endif

}  // namespace picket
