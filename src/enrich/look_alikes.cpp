#include "enrich/look_alikes.h"

#include <idn2.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <utility>

#include "base/hash.h"

namespace picket {

extern const std::string_view intel_imitated;  // data/intel/imitated.csv

namespace {

// Shorter names are one letter from too many others; names that look the same are rarer.
constexpr std::size_t edited_min = 7, same_look_min = 4, with_word_min = 3, label_max = 63;

// Words of names that wait for passwords, the longest first.
constexpr std::string_view inviting[] = {
    "passwordreset", "verification", "credentials", "servicedesk", "credential", "accounts", "helpdesk",
    "identity",      "password",     "recovery",    "security",    "account",    "billing",  "confirm",
    "console",       "recover",      "access",      "portal",      "secure",     "signin",   "signon",
    "unlock",        "verify",       "login",       "logon",       "oauth",      "reset",    "auth",
    "2fa",           "mfa",          "otp",         "sso"};

std::string_view cut(std::string_view& text, char at) {
  const std::string_view part = text.substr(0, text.find(at));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

// Letters of other scripts and with marks that are taken for Latin ones (Unicode's confusables, of the
// scripts that registries let into names).
constexpr std::pair<char32_t, char> confusable[] = {
    {U'а', 'a'}, {U'е', 'e'}, {U'о', 'o'}, {U'р', 'p'}, {U'с', 'c'}, {U'у', 'y'}, {U'х', 'x'}, {U'і', 'i'},
    {U'ј', 'j'}, {U'ѕ', 's'}, {U'һ', 'h'}, {U'ԁ', 'd'}, {U'ԛ', 'q'}, {U'ԝ', 'w'}, {U'к', 'k'}, {U'м', 'm'},
    {U'т', 't'}, {U'г', 'r'}, {U'п', 'n'}, {U'ո', 'n'}, {U'ս', 'u'}, {U'օ', 'o'}, {U'զ', 'q'}, {U'ց', 'g'},
    {U'ӏ', 'l'}, {U'ı', 'i'}, {U'ɩ', 'i'}, {U'ɑ', 'a'}, {U'ɡ', 'g'}, {U'ʏ', 'y'}, {U'α', 'a'}, {U'ο', 'o'},
    {U'ρ', 'p'}, {U'ν', 'v'}, {U'υ', 'u'}, {U'κ', 'k'}, {U'ι', 'i'}, {U'τ', 't'}, {U'ε', 'e'}, {U'η', 'n'},
    {U'ω', 'w'}, {U'γ', 'y'}, {U'χ', 'x'}, {U'ß', 'b'}, {U'ø', 'o'}, {U'đ', 'd'}, {U'ħ', 'h'}, {U'ł', 'l'},
    {U'ŧ', 't'}, {U'ƅ', 'b'}, {U'ƙ', 'k'}, {U'ƿ', 'p'}, {U'ᴄ', 'c'}, {U'ᴏ', 'o'}, {U'ᴠ', 'v'}, {U'ᴡ', 'w'}};
// Latin letters with marks, by what stands below them.
constexpr std::pair<std::u32string_view, char> marked[] = {{U"àáâãäåāăąạảấầẩẫậắằẳẵặǎ", 'a'},
                                                           {U"çćĉċč", 'c'},
                                                           {U"ďḍ", 'd'},
                                                           {U"èéêëēĕėęěẹẻẽếềểễệ", 'e'},
                                                           {U"ĝğġģǧ", 'g'},
                                                           {U"ĥḥ", 'h'},
                                                           {U"ìíîïĩīĭįỉịǐ", 'i'},
                                                           {U"ĵ", 'j'},
                                                           {U"ķǩḳ", 'k'},
                                                           {U"ĺļľḷ", 'l'},
                                                           {U"ṃ", 'm'},
                                                           {U"ñńņňṇ", 'n'},
                                                           {U"òóôõöōŏőọỏốồổỗộớờởỡợơǒ", 'o'},
                                                           {U"ŕŗřṛ", 'r'},
                                                           {U"śŝşšșṣ", 's'},
                                                           {U"ţťțṭ", 't'},
                                                           {U"ùúûüũūŭůűųụủứừửữựưǔ", 'u'},
                                                           {U"ṿ", 'v'},
                                                           {U"ŵẉ", 'w'},
                                                           {U"ýÿŷỵỷỹ", 'y'},
                                                           {U"źżžẓ", 'z'}};

// One character, or none that looks like a Latin letter.
std::optional<char> latin(char32_t c) {
  if (c < 128) return static_cast<char>(c);
  for (const auto& [other, letter] : confusable) {
    if (other == c) return letter;
  }
  for (const auto& [others, letter] : marked) {
    if (others.contains(c)) return letter;
  }
  return std::nullopt;
}

// Labels of equal skeleton look alike: what is read for another letter becomes that.
std::string skeleton(std::string_view label) {
  std::string look;
  for (const char c : label) {
    switch (c) {
      case '0':
        look += 'o';
        break;
      case '1':
      case 'i':
        look += 'l';
        break;
      case '3':
        look += 'e';
        break;
      case '5':
        look += 's';
        break;
      default:
        look += c;
    }
    if (look.ends_with("rn")) look.replace(look.size() - 2, 2, "m");
    if (look.ends_with("vv")) look.replace(look.size() - 2, 2, "w");
  }
  return look;
}

// Whether one letter more, less or other, or two neighbours swapped, make one of the other; neither is the
// other.
bool one_edit_apart(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1 || a == b) return false;
  std::size_t begin = 0;
  while (begin < a.size() && a[begin] == b[begin]) ++begin;
  const std::string_view rest_a = a.substr(begin), rest_b = b.substr(begin);
  if (a.size() < b.size()) return rest_a == rest_b.substr(1);
  return rest_a.substr(1) == rest_b.substr(1) ||
         (rest_a.size() > 1 && rest_a[0] == rest_b[1] && rest_a[1] == rest_b[0] &&
          rest_a.substr(2) == rest_b.substr(2));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string_view text_of(LookAlike::How how) {
  switch (how) {
    case LookAlike::How::same_look:
      return "letters that look alike";
    case LookAlike::How::one_letter:
      return "one letter differs";
    case LookAlike::How::with_word:
      return "a word that invites to sign in";
  }
  return {};
}

std::optional<std::u32string> decode_punycode(std::string_view label) {
  if (!label.starts_with("xn--") || label.contains('\0') || label.contains('.')) return std::nullopt;
  std::uint32_t* characters = nullptr;
  if (idn2_to_unicode_8z4z(std::string(label).c_str(), &characters, 0) != IDN2_OK) return std::nullopt;
  std::u32string text;
  for (const std::uint32_t* c = characters; *c != 0; ++c) text += static_cast<char32_t>(*c);
  idn2_free(characters);
  return text;
}

LookAlikes::LookAlikes(std::span<const std::string> own) {
  static std::atomic<std::uint64_t> made{0};
  generation_ = ++made;
  for (const std::string& domain : own) {
    genuine_.insert(hash64(domain));
    add(std::string_view(domain).substr(0, domain.find('.')), domain);
  }
  for (std::string_view text = intel_imitated; !text.empty();) {
    std::string_view line = cut(text, '\n');
    if (line.empty() || line.starts_with('#')) continue;
    const std::string_view label = cut(line, ',');
    const std::string_view domain = line.substr(0, line.find(' '));
    while (!line.empty()) genuine_.insert(hash64(cut(line, ' ')));
    add(label, domain);
  }
}

void LookAlikes::add(std::string_view label, std::string_view domain) {
  const auto number = static_cast<std::uint32_t>(imitated_.size());
  if (!by_label_.emplace(hash64(label), number).second) return;
  imitated_.push_back({std::string(label), std::string(domain)});
  if (label.size() >= same_look_min) by_look_.emplace(hash64(skeleton(label)), number);
  if (label.size() < edited_min) return;
  by_edit_[hash64(label)].push_back(number);
  for (std::size_t i = 0; i < label.size(); ++i) {
    const std::uint64_t hash = hash64(std::string(label).erase(i, 1));
    std::vector<std::uint32_t>& sharing = by_edit_[hash];
    if (sharing.empty() || sharing.back() != number) sharing.push_back(number);
  }
}

std::optional<std::uint32_t> LookAlikes::named(std::string_view label) const {
  const auto found = by_label_.find(hash64(label));
  if (found == by_label_.end() || imitated_[found->second].label != label) return std::nullopt;
  return found->second;
}

std::optional<LookAlike> LookAlikes::of(std::string_view registered) const {
  if (genuine_.contains(hash64(registered))) return std::nullopt;
  std::string label(registered.substr(0, registered.find('.')));
  const auto imitates = [&](std::uint32_t number, LookAlike::How how) {
    return LookAlike{imitated_[number].domain, how};
  };
  bool foreign = false;
  if (const auto decoded = decode_punycode(label)) {
    foreign = true;
    label.clear();
    for (const char32_t c : *decoded) {
      const auto letter = latin(c);
      if (!letter) return std::nullopt;
      label += *letter;
    }
  }
  if (const auto same = named(label)) {
    if (!foreign || label.size() < same_look_min) return std::nullopt;
    return imitates(*same, LookAlike::How::same_look);
  }
  const auto looks = by_look_.find(hash64(skeleton(label)));
  if (looks != by_look_.end()) return imitates(looks->second, LookAlike::How::same_look);

  // The name and a word that invites, joined or with hyphens or digits between.
  bool invites = false;
  std::optional<std::uint32_t> beside;
  const auto take_name = [&](std::string_view token) {
    if (token.size() < with_word_min) return false;
    const auto number = named(token);
    if (number) beside = number;
    return number.has_value();
  };
  for (std::string_view rest = label; !rest.empty();) {
    std::string_view token = cut(rest, '-');
    while (!token.empty() && is_digit(token.back())) token.remove_suffix(1);
    if (take_name(token)) continue;
    for (const std::string_view word : inviting) {
      if (token.size() < word.size()) continue;
      // Hardly any does: one letter mostly tells.
      const bool before = token.front() == word.front() && token.starts_with(word);
      if (!before && (token.back() != word.back() || !token.ends_with(word))) continue;
      const std::string_view other =
          before ? token.substr(word.size()) : token.substr(0, token.size() - word.size());
      if (!other.empty() && !take_name(other)) continue;
      invites = true;
      break;
    }
  }
  if (beside && invites) return imitates(*beside, LookAlike::How::with_word);

  if (label.size() + 1 < edited_min || label.size() > label_max) return std::nullopt;
  std::optional<std::uint32_t> edited;
  const auto look_up = [&](std::string_view key) {
    const auto found = by_edit_.find(hash64(key));
    if (found == by_edit_.end()) return;
    for (const std::uint32_t number : found->second) {
      if (one_edit_apart(imitated_[number].label, label) && number < edited.value_or(number + 1))
        edited = number;
    }
  };
  look_up(label);
  // The label without its first letter; each step gives one back and leaves out the next.
  std::array<char, label_max> without{};
  std::ranges::copy(std::string_view(label).substr(1), without.begin());
  for (std::size_t i = 0; i < label.size(); ++i) {
    look_up({without.data(), label.size() - 1});
    without[i] = label[i];
  }
  if (!edited) return std::nullopt;
  return imitates(*edited, LookAlike::How::one_letter);
}

}  // namespace picket
