#include "models/known_generators.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <span>
#include <string>

#include "base/hash.h"

namespace picket {

namespace {

struct Date {
  std::uint32_t year, month, day;
};
Date date_of(std::int32_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  return {static_cast<std::uint32_t>(static_cast<int>(date.year())), static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day())};
}

std::vector<std::uint8_t> digest_of(const EVP_MD* kind, std::string_view bytes) {
  std::vector<std::uint8_t> digest(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, kind, nullptr) != 1) size = 0;
  digest.resize(size);
  return digest;
}

void append_little(std::string& bytes, std::uint32_t value, unsigned size) {
  for (unsigned i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
}

char letter(std::uint64_t index) { return static_cast<char>('a' + index); }

using Out = std::vector<std::string>;

// Gameover Zeus after its take-down of 2014: MD5 of number and salted date, in base 36.
void new_goz(const Date& date, Out& out) {
  constexpr std::uint32_t names = 1000;
  constexpr std::string_view salt = "\x01\x05\x19\x35";
  for (std::uint32_t i = 0; i < names; ++i) {
    std::string text;
    append_little(text, i, 4);
    append_little(text, date.year, 2);
    (text += salt);
    append_little(text, date.month, 2);
    (text += salt);
    append_little(text, date.day, 2);
    (text += salt);
    const auto digest = digest_of(EVP_md5(), text);
    if (digest.size() != 16) return;
    std::string name;
    for (std::size_t word = 0; word < 4; ++word) {
      std::uint32_t value = 0;
      for (std::size_t byte = 4; byte-- > 0;) value = value << 8U | digest[word * 4 + byte];
      std::string part;
      do {
        const std::uint32_t digit = value % 36;
        part += digit < 10 ? static_cast<char>('0' + digit) : letter(digit - 10);
        value /= 36;
      } while (value != 0 && part.size() < 7);
      name.append(part.rbegin(), part.rend());
    }
    out.push_back(name + (i % 4 == 0 ? ".com" : i % 3 == 0 ? ".org" : i % 2 == 0 ? ".biz" : ".net"));
  }
}

// PadCrypt: SHA-256 of date and number; two versions.
void pad_crypt(const Date& date, Out& out) {
  constexpr std::string_view of_digit = "abcdnfolmk", hex = "0123456789abcdef";
  constexpr std::array<std::string_view, 11> tops = {"com",  "co.uk",  "de", "org", "net",    "eu",
                                                     "info", "online", "co", "cc",  "website"};
  for (const auto& [between, names] : {std::pair(':', 24), std::pair('|', 72)}) {
    for (int i = 0; i < names; ++i) {
      const auto digest =
          digest_of(EVP_sha256(), fmt::format("{}-{}-{}{}{}", date.day, date.month, date.year, between, i));
      if (digest.size() != 32) return;
      const auto nibble = [&](std::size_t at) {
        return static_cast<std::size_t>(at % 2 == 0 ? digest[at / 2] >> 4U : digest[at / 2] & 15U);
      };
      std::string name;
      for (std::size_t at = 3; at < 19; ++at)
        name += nibble(at) < 10 ? of_digit[nibble(at)] : hex[nibble(at)];
      const std::size_t top = nibble(63) < tops.size() ? nibble(63) : 0;
      out.push_back(fmt::format("{}.{}", name, tops[top]));
    }
  }
}

// Necurs: a generator of its own on 64 bits, for four days.
void necurs(const Date& date, Out& out) {
  constexpr std::uint64_t names = 2048, magic = 9;
  constexpr std::array<std::string_view, 43> tops = {
      "tj", "in", "jp", "tw", "ac", "cm", "la",  "mn",  "so",  "sh",  "sc",  "nu",  "nf", "mu", "ms",
      "mx", "ki", "im", "cx", "cc", "tv", "bz",  "me",  "eu",  "de",  "ru",  "co",  "su", "pw", "kz",
      "sx", "us", "ug", "ir", "to", "ga", "com", "net", "org", "biz", "xxx", "pro", "bit"};
  const auto next = [](std::uint64_t value) {
    const std::uint64_t loops = (value & 0x7fU) + 21;
    for (std::uint64_t i = 0; i < loops; ++i) value += ((value * 7) ^ (value << 15U)) + 8 * i - (value >> 5U);
    return value;
  };
  const std::uint64_t start = next(next(next(date.year) + date.month + 43690) + (date.day >> 2U));
  for (std::uint64_t i = 0; i < names; ++i) {
    std::uint64_t n = next(next(start + i) + magic);
    const std::uint64_t size = n % 15 + 7;
    std::string name;
    for (std::uint64_t at = 0; at < size; ++at) {
      n = next(n + at);
      name += letter(n % 25);
      n = next(n + 0xabbedf);
    }
    out.push_back(fmt::format("{}.{}", name, tops[n % tops.size()]));
  }
}

constexpr std::uint32_t crc32_of(std::string_view text) {
  std::uint32_t crc = 0xffffffff;
  for (const char c : text) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

// Qakbot: a Mersenne Twister seeded by the third of the month. Its suffix is not foretold here: any of five.
void qakbot(const Date& date, Out& out) {
  constexpr int names = 5000;
  constexpr std::array<std::string_view, 12> months = {"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
  for (const int seed : {0, 1}) {
    std::mt19937 random(crc32_of(fmt::format("{}.{}.{}.{:08x}", std::min((date.day - 1) / 10, 2U),
                                             months[date.month - 1], date.year, seed)));
    // low + 28 bits / 2^28 * range, exactly
    const auto between = [&](std::uint64_t low, std::uint64_t high) {
      return low + ((random() & 0xfffffffU) * (high - low + 1) >> 28U);
    };
    for (int i = 0; i < names; ++i) {
      std::string name(between(8, 25), ' ');
      for (char& c : name) c = letter(between(0, 25));
      between(0, 5);  // of the suffix
      out.push_back(std::move(name));
    }
  }
}

// Murofet (LICAT): MD5 of date and number.
void murofet(const Date& date, Out& out) {
  constexpr std::uint32_t names = 1020;
  for (std::uint32_t i = 0; i < names; i += 2) {  // each twice
    std::string text;
    append_little(text, date.year + 0x30, 1);
    append_little(text, date.month, 1);
    append_little(text, date.day, 1);
    append_little(text, i, 4);
    std::string name;
    for (const std::uint8_t byte : digest_of(EVP_md5(), text)) {
      const std::uint32_t one = byte & 31U, other = byte >> 3U;
      if (one == other) continue;
      for (const std::uint32_t index : {one, other}) {
        if (index < 26) name += letter(index);
      }
    }
    out.push_back(std::move(name));
  }
}

// Banjori: one chain of names from the seed that was seen, the same every day.
void banjori(const Date&, Out& out) {
  std::string name = "earnestnessbiophysicalohax.com";
  constexpr std::size_t chain = 15372;  // then it begins again
  for (std::size_t i = 0; i < chain; ++i) {
    out.push_back(name);
    const auto number = [&](std::size_t at) { return static_cast<std::uint32_t>(name[at]); };
    // As the original has it, on characters; 97 more each time does not matter modulo 26.
    const auto wrap = [](std::uint32_t value) { return letter((value - 'a') % 26); };
    name[0] = wrap(number(0) + number(3));
    name[1] = wrap(number(0) + 2 * number(1));
    name[2] = wrap(number(0) + number(2) - 1);
    name[3] = wrap(number(1) + number(2) + number(3));
  }
}

std::uint32_t every_day(const Date& date) { return (date.year * 16 + date.month) * 32 + date.day; }
std::uint32_t four_days(const Date& date) { return every_day({date.year, date.month, date.day >> 2U}); }
std::uint32_t third_of_month(const Date& date) {
  return every_day({date.year, date.month, std::min((date.day - 1) / 10, 2U)});
}
std::uint32_t always(const Date&) { return 0; }

struct Family {
  std::string_view name;
  std::uint32_t (*period)(const Date&);  // days of the same have the same names
  void (*generate)(const Date&, Out&);
  // Names without suffix, and those they may have.
  std::span<const std::string_view> suffixes;
};
constexpr std::array<std::string_view, 5> suffixes_of_qakbot = {"com", "net", "org", "info", "biz"};
constexpr std::array<std::string_view, 6> suffixes_of_murofet = {"biz", "info", "org", "net", "com", "ru"};
constexpr std::array<Family, 6> families = {{{"newgoz", every_day, new_goz, {}},
                                             {"padcrypt", every_day, pad_crypt, {}},
                                             {"necurs", four_days, necurs, {}},
                                             {"qakbot", third_of_month, qakbot, suffixes_of_qakbot},
                                             {"murofet", every_day, murofet, suffixes_of_murofet},
                                             {"banjori", always, banjori, {}}}};
// Enough for two accounts whose logs are weeks apart.
constexpr std::size_t periods_kept = 96;

}  // namespace

std::vector<std::string> generated_names(std::string_view family, std::int32_t day) {
  Out out;
  for (const Family& one : families) {
    if (one.name == family) one.generate(date_of(day), out);
  }
  return out;
}

const KnownGenerators::Names& KnownGenerators::names_of(std::size_t family, std::int32_t day) {
  const Date date = date_of(day);
  const std::pair key{families[family].period(date), family};
  const auto known = made_.find(key);
  if (known != made_.end()) return known->second;
  if (made_.size() >= periods_kept) made_.clear();
  Out out;
  families[family].generate(date, out);
  Names& names = made_[key];
  for (const std::string& name : out) names.push_back(hash64(name));
  std::ranges::sort(names);
  return names;
}

std::string_view KnownGenerators::family_of(std::string_view registered, std::int32_t day) {
  const std::size_t dot = registered.find('.');
  if (dot == registered.npos) return {};
  const std::string_view suffix = registered.substr(dot + 1);
  const std::uint64_t whole = hash64(registered), label = hash64(registered.substr(0, dot));
  for (std::size_t i = 0; i < families.size(); ++i) {
    const Family& family = families[i];
    const bool by_label = !family.suffixes.empty();
    if (by_label && std::ranges::find(family.suffixes, suffix) == family.suffixes.end()) continue;
    const Names* before = nullptr;
    for (std::int32_t one = day - days_around; one <= day + days_around; ++one) {
      const Names& names = names_of(i, one);
      if (&names == before) continue;
      before = &names;
      if (std::ranges::binary_search(names, by_label ? label : whole)) return family.name;
    }
  }
  return {};
}

}  // namespace picket
