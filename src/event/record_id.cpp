#include "event/record_id.h"

#include <bit>
#include <cstring>
#include <optional>

#include "base/hash.h"

namespace picket {

namespace {

// "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx": where the digits stand, and where they go.
struct Run {
  std::size_t at, size;
};
constexpr std::array<Run, 5> runs = {{{0, 8}, {9, 4}, {14, 4}, {19, 4}, {24, 12}}};
constexpr std::size_t digits = 32, digits_per_step = 8;

// Eight digits at once; nothing when one is no digit in lower case.
std::optional<std::uint32_t> number_of(const char* text) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  std::uint64_t chars = 0;
  std::memcpy(&chars, text, sizeof chars);
  if constexpr (std::endian::native == std::endian::little) chars = __builtin_bswap64(chars);
  const std::uint64_t letter = chars >> 6U & ones;
  const std::uint64_t value = (chars & 0x0f * ones) + 9 * letter;
  const bool valid = (value & 0xf0 * ones) == 0 && ((value + 0x76 * ones) >> 7U & ones) == letter &&
                     value + '0' * ones + ('a' - '0' - 10) * letter == chars;
  if (!valid) return std::nullopt;
  std::uint64_t packed = (value | value >> 4U) & 0x00ff00ff00ff00ff;
  packed = (packed | packed >> 8U) & 0x0000ffff0000ffff;
  return static_cast<std::uint32_t>(packed | packed >> 16U);
}

// The way back.
void write_digits(std::uint32_t number, char* text) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  std::uint64_t value = number;
  value = (value | value << 16U) & 0x0000ffff0000ffff;
  value = (value | value << 8U) & 0x00ff00ff00ff00ff;
  value = (value | value << 4U) & 0x0f * ones;
  const std::uint64_t letter = (value + 6 * ones) >> 4U & ones;
  std::uint64_t chars = value + '0' * ones + ('a' - '0' - 10) * letter;
  if constexpr (std::endian::native == std::endian::little) chars = __builtin_bswap64(chars);
  std::memcpy(text, &chars, sizeof chars);
}

}  // namespace

RecordId::RecordId(std::string_view text, int) {
  if (text.empty()) return;
  if (text.size() == Room().size() && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
      text[23] == '-') {
    std::array<char, digits> hex;
    char* out = hex.data();
    for (const Run& run : runs) {
      std::memcpy(out, text.data() + run.at, run.size);
      out += run.size;
    }
    Uuid made{};
    bool all = true;
    for (std::size_t i = 0; i < digits; i += digits_per_step) {
      const auto number = number_of(hex.data() + i);
      all = all && number;
      if (number) made[i / 16] = made[i / 16] << 32U | *number;
    }
    if (all && made != Uuid{}) {
      uuid_ = made;
      return;
    }
  }
  other_ = Boxed(std::string(text));
}

std::string_view RecordId::text(Room& room) const {
  if (other_) return *other_;
  if (empty()) return {};
  room.fill('-');
  std::array<char, digits> hex;
  for (std::size_t i = 0; i < digits; i += digits_per_step)
    write_digits(static_cast<std::uint32_t>(uuid_[i / 16] >> (32 - i % 16 * 4)), hex.data() + i);
  const char* digit = hex.data();
  for (const Run& run : runs) {
    std::memcpy(room.data() + run.at, digit, run.size);
    digit += run.size;
  }
  return {room.data(), room.size()};
}

std::string RecordId::text() const {
  Room room;
  return std::string(text(room));
}

std::uint64_t RecordId::hash() const { return other_ ? hash64(*other_) : hash_mix(uuid_[0], uuid_[1]); }

std::strong_ordering RecordId::by_text(const RecordId& other) const {
  Room mine, others;
  return text(mine) <=> other.text(others);
}

}  // namespace picket
