#include "rules/sigma_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "base/base64.h"
#include "base/text.h"

namespace picket::rules {

namespace {

using Kind = FieldTest::Kind;

// ---- encodings --------------------------------------------------------------------------------

// What is the same of the encoded text wherever the value begins: three forms, without the characters that
// depend on the neighbours.
std::vector<std::string> base64_offsets(std::string_view bytes) {
  static constexpr std::size_t skip[] = {0, 2, 3};
  std::vector<std::string> forms;
  for (std::size_t offset = 0; offset < 3; ++offset) {
    const std::string whole = to_base64(std::string(offset, ' ') + std::string(bytes));
    const std::size_t rest = (bytes.size() + offset) % 3;
    const std::size_t end = whole.size() - (rest == 0 ? 0 : rest == 1 ? 3 : 2);
    if (end > skip[offset]) forms.push_back(whole.substr(skip[offset], end - skip[offset]));
  }
  return forms;
}

// UTF-8 to UTF-16; what is no UTF-8 is refused.
std::optional<std::string> utf16(std::string_view text, bool big_endian, bool mark) {
  std::string out;
  const auto put = [&](unsigned unit) {
    const char high = static_cast<char>(unit >> 8U), low = static_cast<char>(unit & 0xffU);
    out += big_endian ? high : low;
    out += big_endian ? low : high;
  };
  if (mark) put(0xfeff);
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80        ? 1
                               : lead >> 5U == 6  ? 2
                               : lead >> 4U == 14 ? 3
                               : lead >> 3U == 30 ? 4
                                                  : 0;
    if (length == 0 || i + length > text.size()) return std::nullopt;
    unsigned point = length == 1 ? lead : lead & (0xffU >> (length + 1));
    for (std::size_t j = 1; j < length; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      if (next >> 6U != 2) return std::nullopt;
      point = point << 6U | (next & 63U);
    }
    if (point > 0x10ffff) return std::nullopt;
    if (point >= 0x10000) {
      put(0xd800 + ((point - 0x10000) >> 10U));
      put(0xdc00 + ((point - 0x10000) & 0x3ffU));
    } else {
      put(point);
    }
    i += length;
  }
  return out;
}

// Every dash or slash before an option stands for any of the five characters that work as one.
constexpr std::string_view dashes[] = {"-", "/", "–", "—", "―"};
constexpr std::size_t windash_forms_max = 625;  // of four options

std::optional<std::vector<std::string>> windash(std::string_view text) {
  const auto is_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  std::vector<std::string> forms{""};
  for (std::size_t i = 0; i < text.size();) {
    std::string_view dash;
    for (const std::string_view one : dashes) {
      if (text.substr(i).starts_with(one)) dash = one;
    }
    const std::size_t after = i + dash.size();
    const bool option =
        !dash.empty() && (i == 0 || !is_word(text[i - 1])) && after < text.size() && is_word(text[after]);
    if (!option) {
      for (std::string& form : forms) form += text[i];
      ++i;
      continue;
    }
    std::vector<std::string> more;
    if (forms.size() * std::size(dashes) > windash_forms_max) return std::nullopt;
    for (const std::string& form : forms) {
      for (const std::string_view one : dashes) more.push_back(form + std::string(one));
    }
    forms = std::move(more);
    i = after;
  }
  return forms;
}

// ---- modifiers --------------------------------------------------------------------------------

struct Modifiers {
  std::string field;
  bool all = false, cased = false, neq = false, exists = false, fieldref = false, regex = false, cidr = false;
  std::string regex_flags;
  std::optional<Kind> match;    // contains, prefix, suffix
  std::optional<Kind> compare;  // less …
  std::vector<std::string> encodings;
};

Result<Modifiers> modifiers_of(std::string_view key) {
  Modifiers modifiers;
  const std::size_t bar = key.find('|');
  modifiers.field = key.substr(0, bar);
  static const std::map<std::string_view, Kind> matches = {
      {"contains", Kind::contains}, {"startswith", Kind::prefix}, {"endswith", Kind::suffix}};
  static const std::map<std::string_view, Kind> compares = {
      {"lt", Kind::less}, {"lte", Kind::less_equal}, {"gt", Kind::greater}, {"gte", Kind::greater_equal}};
  static const std::set<std::string_view> encodings = {"base64",  "base64offset", "utf16",  "utf16le",
                                                       "utf16be", "wide",         "windash"};
  std::string_view rest = bar == std::string_view::npos ? std::string_view{} : key.substr(bar + 1);
  while (bar != std::string_view::npos) {
    const std::size_t next = rest.find('|');
    const std::string_view name = rest.substr(0, next);
    if (name == "all") {
      modifiers.all = true;
    } else if (name == "cased") {
      modifiers.cased = true;
    } else if (name == "neq") {
      modifiers.neq = true;
    } else if (name == "exists") {
      modifiers.exists = true;
    } else if (name == "fieldref") {
      modifiers.fieldref = true;
    } else if (name == "re") {
      modifiers.regex = true;
    } else if (modifiers.regex && (name == "i" || name == "m" || name == "s")) {
      modifiers.regex_flags += name;
    } else if (name == "cidr") {
      modifiers.cidr = true;
    } else if (const auto match = matches.find(name); match != matches.end()) {
      modifiers.match = match->second;
    } else if (const auto compare = compares.find(name); compare != compares.end()) {
      modifiers.compare = compare->second;
    } else if (encodings.contains(name)) {
      modifiers.encodings.emplace_back(name);
    } else if (name == "expand") {
      return fail(ErrorKind::unsupported,
                  fmt::format("{}: expand: picket has no values for placeholders; write them out", key));
    } else {
      return fail(ErrorKind::unsupported, fmt::format("{}: no such modifier: {}", key, name));
    }
    if (next == std::string_view::npos) break;
    rest.remove_prefix(next + 1);
  }
  const int kinds = int{modifiers.exists} + int{modifiers.regex} + int{modifiers.cidr} +
                    int{modifiers.compare.has_value()} +
                    int{modifiers.match.has_value() || !modifiers.encodings.empty() || modifiers.fieldref};
  if (kinds > 1) return fail(ErrorKind::invalid, fmt::format("{}: these modifiers do not go together", key));
  if (modifiers.fieldref && !modifiers.encodings.empty())
    return fail(ErrorKind::invalid, fmt::format("{}: a field cannot be encoded", key));
  return modifiers;
}

// ---- wildcards --------------------------------------------------------------------------------

// A Sigma text: * and ? are wildcards, a backslash before one of them (or before a backslash before one)
// makes it itself; every other backslash is one.
struct Text {
  std::string pattern;               // for Kind::wildcard
  std::string plain;                 // without wildcards
  bool wild = false;                 // has wildcards inside
  bool front = false, back = false;  // * at its ends
};

void put_literal(Text& text, char c) {
  if (c == '*' || c == '?' || c == '\\') text.pattern += '\\';
  text.pattern += c;
  text.plain += c;
}

Text text_of(std::string_view value) {
  Text text;
  std::size_t begin = 0, end = value.size();
  while (begin < end && value[begin] == '*') {
    text.front = true;
    ++begin;
  }
  const auto escaped_at = [&](std::size_t at) {  // an odd number of backslashes stands before
    std::size_t count = 0;
    while (at > begin + count && value[at - count - 1] == '\\') ++count;
    return count % 2 == 1;
  };
  while (end > begin && value[end - 1] == '*' && !escaped_at(end - 1)) {
    text.back = true;
    --end;
  }
  for (std::size_t i = begin; i < end; ++i) {
    const char c = value[i];
    const char next = i + 1 < value.size() ? value[i + 1] : '\0';
    if (c == '\\' && (next == '*' || next == '?' || next == '\\')) {
      put_literal(text, next);
      ++i;
    } else if (c == '*' || c == '?') {
      text.wild = true;
      text.pattern += c;
    } else {
      put_literal(text, c);
    }
  }
  return text;
}

FieldTest text_test(const Modifiers& modifiers, Text text) {
  if (modifiers.match == Kind::contains || modifiers.match == Kind::suffix) text.front = true;
  if (modifiers.match == Kind::contains || modifiers.match == Kind::prefix) text.back = true;
  FieldTest made{modifiers.field, Kind::equals, {}, modifiers.cased};
  if (text.plain.empty() && !text.wild && (text.front || text.back)) {
    made.kind = Kind::exists;
    return made;
  }
  if (text.wild) {
    made.kind = Kind::wildcard;
    made.values = {(text.front ? "*" : "") + text.pattern + (text.back ? "*" : "")};
    return made;
  }
  made.kind = text.front && text.back ? Kind::contains
              : text.front            ? Kind::suffix
              : text.back             ? Kind::prefix
                                      : Kind::equals;
  made.values = {text.plain};
  return made;
}

// ---- values -----------------------------------------------------------------------------------

// The value through the encodings, in their order; a value may have several forms.
Result<std::vector<std::string>> encoded(const std::string& key, const Modifiers& modifiers,
                                         const std::string& value) {
  const Text text = text_of(value);
  const bool to_bytes = std::any_of(modifiers.encodings.begin(), modifiers.encodings.end(),
                                    [](const std::string& name) { return name != "windash"; });
  if (to_bytes && (text.wild || text.front || text.back))
    return fail(ErrorKind::invalid,
                fmt::format("{}: {}: a text with wildcards cannot be encoded", key, value));
  std::vector<std::string> forms{to_bytes ? text.plain : value};
  for (const std::string& encoding : modifiers.encodings) {
    std::vector<std::string> made;
    for (const std::string& form : forms) {
      if (encoding == "windash") {
        auto dashed = windash(form);
        if (!dashed) return fail(ErrorKind::too_large, fmt::format("{}: {}: too many dashes", key, value));
        made.insert(made.end(), dashed->begin(), dashed->end());
      } else if (encoding == "base64") {
        made.push_back(to_base64(form));
      } else if (encoding == "base64offset") {
        for (std::string& offset : base64_offsets(form)) made.push_back(std::move(offset));
      } else {
        auto wide = utf16(form, encoding == "utf16be", encoding == "utf16");
        if (!wide) return fail(ErrorKind::invalid, fmt::format("{}: {}: is no UTF-8", key, value));
        made.push_back(std::move(*wide));
      }
    }
    forms = std::move(made);
  }
  if (forms.empty())
    return fail(ErrorKind::invalid, fmt::format("{}: {}: too short to be encoded", key, value));
  return forms;
}

Result<std::vector<FieldTest>> tests_of(const std::string& key, const Modifiers& modifiers,
                                        const std::optional<std::string>& value) {
  FieldTest made{modifiers.field, Kind::equals, {}, modifiers.cased};
  if (!value) {
    if (modifiers.match || modifiers.regex || modifiers.cidr || modifiers.compare ||
        !modifiers.encodings.empty())
      return fail(ErrorKind::invalid, fmt::format("{}: null does not go with these modifiers", key));
    made.kind = Kind::absent;
    return std::vector{made};
  }
  if (modifiers.exists) {
    // As YAML writes it, in any of its spellings.
    const std::string flag = lower(*value);
    const bool yes = flag == "true" || flag == "yes" || flag == "on";
    if (!yes && flag != "false" && flag != "no" && flag != "off")
      return fail(ErrorKind::invalid, fmt::format("{}: must be true or false", key));
    made.kind = yes ? Kind::exists : Kind::absent;
    return std::vector{made};
  }
  if (modifiers.fieldref) {
    made.kind = modifiers.match.value_or(Kind::equals);
    made.of_fields = true;
    made.values = {*value};
    return std::vector{made};
  }
  if (modifiers.regex) {
    made.kind = Kind::regex;
    made.values = {(modifiers.regex_flags.empty() ? "" : "(?" + modifiers.regex_flags + ")") + *value};
    return std::vector{made};
  }
  if (modifiers.cidr || modifiers.compare) {
    made.kind = modifiers.cidr ? Kind::cidr : *modifiers.compare;
    made.values = {*value};
    return std::vector{made};
  }
  if (modifiers.encodings.empty()) return std::vector{text_test(modifiers, text_of(*value))};
  const auto forms = encoded(key, modifiers, *value);
  if (!forms) return std::unexpected(forms.error());
  const bool wildcards_left = std::all_of(modifiers.encodings.begin(), modifiers.encodings.end(),
                                          [](const std::string& name) { return name == "windash"; });
  std::vector<FieldTest> tests;
  for (const std::string& form : *forms) {
    Text text;
    if (wildcards_left) {
      text = text_of(form);
    } else {
      for (const char c : form) put_literal(text, c);
    }
    tests.push_back(text_test(modifiers, std::move(text)));
  }
  return tests;
}

// Tests of one kind become one test of several values.
Predicate any_of_tests(std::vector<FieldTest> tests) {
  std::vector<Predicate> parts;
  for (FieldTest& one : tests) {
    const auto same = std::find_if(parts.begin(), parts.end(), [&](const Predicate& part) {
      return part.test.kind == one.kind && part.test.of_fields == one.of_fields && !one.values.empty();
    });
    if (same == parts.end()) {
      parts.push_back(test(std::move(one)));
    } else {
      same->test.values.insert(same->test.values.end(), one.values.begin(), one.values.end());
    }
  }
  if (parts.size() == 1) return std::move(parts.front());
  return any_of(std::move(parts));
}

}  // namespace

Result<Predicate> sigma_item(std::string_view key_text,
                             const std::vector<std::optional<std::string>>& values) {
  const std::string key(key_text);
  auto modifiers = modifiers_of(key);
  if (!modifiers) return std::unexpected(modifiers.error());
  if (values.empty()) return fail(ErrorKind::invalid, fmt::format("{}: has no values", key));
  if (modifiers->field.empty() && !modifiers->match && !modifiers->regex) modifiers->match = Kind::contains;
  std::vector<Predicate> each;
  std::vector<FieldTest> together;
  for (const std::optional<std::string>& value : values) {
    auto tests = tests_of(key, *modifiers, value);
    if (!tests) return std::unexpected(tests.error());
    if (modifiers->all) {
      each.push_back(any_of_tests(std::move(*tests)));
    } else {
      together.insert(together.end(), tests->begin(), tests->end());
    }
  }
  Predicate predicate = modifiers->all ? all_of(std::move(each)) : any_of_tests(std::move(together));
  return modifiers->neq ? negation(std::move(predicate)) : std::move(predicate);
}

Result<Predicate> sigma_keyword(const std::string& value) { return sigma_item("", {value}); }

}  // namespace picket::rules
