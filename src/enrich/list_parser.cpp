#include "enrich/list_parser.h"

#include <expat.h>
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "base/text.h"
#include "enrich/range_map.h"

namespace picket {

namespace {

constexpr std::string_view no_indicator = "not an address, range, domain or SHA-256 hash";

struct FormatName {
  IntelFormat format;
  std::string_view name;
};
constexpr std::array<FormatName, 10> format_names = {{{IntelFormat::txt, "TXT"},
                                                      {IntelFormat::csv, "CSV"},
                                                      {IntelFormat::stix1, "STIX1"},
                                                      {IntelFormat::stix2, "STIX2"},
                                                      {IntelFormat::otx_csv, "OTX_CSV"},
                                                      {IntelFormat::alien_vault, "ALIEN_VAULT"},
                                                      {IntelFormat::proof_point, "PROOF_POINT"},
                                                      {IntelFormat::fire_eye, "FIRE_EYE"},
                                                      {IntelFormat::tor_consensus, "TOR_CONSENSUS"},
                                                      {IntelFormat::onionoo, "ONIONOO"}}};

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\f\v";
  const auto from = text.find_first_not_of(blanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

// An AWS access key id: of a user (AKIA) or a session (ASIA), then 16 characters of its base-32 alphabet.
bool is_access_key(std::string_view text) {
  return text.size() == 20 && (text.starts_with("AKIA") || text.starts_with("ASIA")) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

bool all_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

// Lines with their numbers; a line ends at LF, the CR before it is a blank to trim.
template <class F>
void each_line(std::string_view content, F visit) {
  std::size_t number = 0;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    ++number;
    if (!visit(content.substr(0, end), number)) return;
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
  }
}

// A date, a date with time, or seconds since 1970.
std::optional<TimeMs> list_time(std::string_view text) {
  text = trim(text);
  if (text.empty()) return std::nullopt;
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    std::int64_t seconds = 0;
    // Up to 11 digits: years after 5000 are no times.
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || text.size() > 11) return std::nullopt;
    return seconds * second_ms;
  }
  if (text.size() == 10) return parse_time(std::string(text) + "T00:00:00Z");
  if (const auto time = parse_time(text)) return time;
  return parse_time(std::string(text) + "Z");
}

// Context that goes with an entry besides its value.
struct About {
  std::string threat;
  std::optional<TimeMs> first_seen, last_seen;
  std::optional<IntelCategory> category;
  std::optional<std::uint8_t> confidence;
};

class ListReader {
 public:
  ListReader(const ListOptions& options, const ListSink& sink, ListReport& report)
      : options_(options), sink_(sink), report_(report) {}

  bool full() const { return full_; }

  void refuse(std::string_view reason, std::size_t line, std::string_view example) {
    const auto known = std::find_if(report_.set_aside.begin(), report_.set_aside.end(),
                                    [&](const SetAside& aside) { return aside.reason == reason; });
    if (known != report_.set_aside.end()) {
      ++known->count;
      return;
    }
    report_.set_aside.push_back({std::string(reason), 1, line, std::string(example.substr(0, 80))});
  }

  // One value as lists write them: an address, range, domain or hash, perhaps defanged ("[.]"), with a port.
  void value(std::string_view raw, const About& about, std::size_t line) {
    std::string text(trim(raw));
    for (std::size_t at = 0; (at = text.find("[.]", at)) != std::string::npos; ++at) {
      text.erase(at + 2, 1);
      text.erase(at, 1);
    }
    if (text.empty()) return refuse(no_indicator, line, raw);
    if (text.find("://") != std::string::npos) return refuse("a URL; give its domain instead", line, text);
    if (const auto prefix = IpPrefix::parse(text)) return address(*prefix, about, line, text);
    if (const auto port = text.find(':');
        port != std::string::npos && text.find(':', port + 1) == std::string::npos) {
      const std::string_view digits = std::string_view(text).substr(port + 1);
      const bool numeric =
          !digits.empty() && digits.size() <= 5 &&
          std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
      if (numeric) return value(text.substr(0, port), about, line);
    }
    if (const auto dash = text.find('-'); dash != std::string::npos) {
      const auto first = IpAddress::parse(trim(std::string_view(text).substr(0, dash)));
      const auto last = IpAddress::parse(trim(std::string_view(text).substr(dash + 1)));
      if (first && last) return range(*first, *last, about, line, text);
    }
    if (all_hex(text) && text.find('.') == std::string::npos) {
      if (text.size() == 64) return hash(std::move(text), about, line);
      if (text.size() == 32 || text.size() == 40) return refuse("a hash other than SHA-256", line, text);
    }
    if (is_access_key(text)) {
      if (!options_.hashes) return refuse("access keys have no effect in this list", line, text);
      const ListEntry entry{.kind = ListEntry::Kind::access_key, .text = text};
      return emit(entry, about, line, text);
    }
    if (text.find('.') == std::string::npos || text.find_first_of(" \t/:@[]") != std::string::npos) {
      return refuse(no_indicator, line, text);
    }
    if (!options_.domains) return refuse("domains have no effect in an address list", line, text);
    ListEntry entry{.kind = ListEntry::Kind::domain, .text = text};
    emit(entry, about, line, text);
  }

  void range(const IpAddress& first, const IpAddress& last, const About& about, std::size_t line,
             std::string_view text) {
    if (first.is_v4() != last.is_v4() || last < first)
      return refuse("a range that ends before it begins", line, text);
    for (const IpPrefix& prefix : prefixes_of_range(first, last)) address(prefix, about, line, text);
  }

 private:
  void address(const IpPrefix& prefix, const About& about, std::size_t line, std::string_view text) {
    if (!options_.ipv6 && !prefix.address.is_v4())
      return refuse("IPv6 has no effect in this list", line, text);
    if (options_.public_only && !prefix.address.is_public())
      return refuse("not a public address", line, text);
    emit({.kind = ListEntry::Kind::address, .prefix = prefix}, about, line, text);
  }

  void hash(std::string text, const About& about, std::size_t line) {
    if (!options_.hashes) return refuse("hashes have no effect in this list", line, text);
    const ListEntry entry{.kind = ListEntry::Kind::sha256, .text = std::move(text)};
    emit(entry, about, line, entry.text);
  }

  void emit(ListEntry entry, const About& about, std::size_t line, std::string_view text) {
    if (report_.entries == options_.entries_max) {
      full_ = true;
      return;
    }
    entry.threat = about.threat;
    entry.first_seen = about.first_seen;
    entry.last_seen = about.last_seen;
    entry.category = about.category;
    entry.confidence = about.confidence;
    if (const auto reason = sink_(entry)) return refuse(*reason, line, text);
    ++report_.entries;
  }

  const ListOptions& options_;
  const ListSink& sink_;
  ListReport& report_;
  bool full_ = false;
};

// --- one entry a line

void read_txt(std::string_view content, ListReader& reader) {
  each_line(content, [&](std::string_view line, std::size_t number) {
    for (std::size_t hash = line.find('#'); hash != std::string_view::npos; hash = line.find('#', hash + 1)) {
      if (hash == 0 || line[hash - 1] == ' ' || line[hash - 1] == '\t') line = line.substr(0, hash);
    }
    line = trim(line);
    if (line.empty() || line.starts_with(';') || line.starts_with("//")) return true;
    // A hosts file puts the name after a null address; other columns after the first are scores and remarks.
    const std::size_t blank = line.find_first_of(" \t");
    std::string_view first = line.substr(0, blank);
    const bool range = line.find(" - ") != std::string_view::npos;
    // DShield writes the first and the last address as two columns.
    if (blank != std::string_view::npos && !range) {
      std::string_view second = trim(line.substr(blank));
      second = second.substr(0, second.find_first_of(" \t"));
      const auto from = IpAddress::parse(first), to = IpAddress::parse(second);
      if (from && to && *from <= *to && from->is_public()) {
        reader.range(*from, *to, {}, number, line);
        return !reader.full();
      }
    }
    if (blank != std::string_view::npos && (first == "0.0.0.0" || first == "127.0.0.1" || first == "::1")) {
      first = trim(line.substr(blank));
    }
    reader.value(range ? line : first, {}, number);
    return !reader.full();
  });
}

// The open reputation feed: value#risk#reliability#activity#country#city#coordinates#number.
void read_alien_vault(std::string_view content, ListReader& reader) {
  each_line(content, [&](std::string_view line, std::size_t number) {
    line = trim(line);
    if (line.empty() || line.starts_with('#')) return true;
    About about;
    std::size_t field = 0;
    std::string_view rest = line;
    const std::string_view value = line.substr(0, line.find('#'));
    while (field < 3 && rest.find('#') != std::string_view::npos) {
      rest.remove_prefix(rest.find('#') + 1);
      ++field;
    }
    if (field == 3) about.threat = trim(rest.substr(0, rest.find('#')));
    reader.value(value, about, number);
    return !reader.full();
  });
}

// --- CSV

// RFC 4180 fields of one line, blanks around them removed. A quoted field cannot span lines.
std::vector<std::string> split_csv(std::string_view line) {
  std::vector<std::string> fields;
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
    std::string field;
    if (at < line.size() && line[at] == '"') {
      for (++at; at < line.size(); ++at) {
        if (line[at] != '"') {
          field += line[at];
        } else if (at + 1 < line.size() && line[at + 1] == '"') {
          field += '"';
          ++at;
        } else {
          ++at;
          break;
        }
      }
      at = std::min(line.find(',', at), line.size());
    } else {
      const std::size_t end = std::min(line.find(',', at), line.size());
      field = trim(line.substr(at, end - at));
      at = end;
    }
    fields.push_back(std::move(field));
    if (at >= line.size()) return fields;
    ++at;
  }
}

enum class Column : std::uint8_t {
  other,
  value,
  threat,
  category,
  threat_type,
  confidence,
  first_seen,
  last_seen
};

Column column_of(std::string_view header) {
  std::string name;
  for (const char c : upper(header)) {
    if (c != ' ' && c != '_' && c != '-') name += c;
  }
  for (const std::string_view known :
       {"IP", "IPADDRESS", "ADDRESS", "CIDR", "NETWORK", "PREFIX", "DOMAIN", "DOMAINNAME", "HOST", "HOSTNAME",
        "INDICATOR", "IOC", "IOCVALUE", "VALUE", "SHA256", "HASH", "SHA256HASH", "DSTIP", "DESTINATIONIP"}) {
    if (name == known) return Column::value;
  }
  for (const std::string_view known :
       {"THREAT", "THREATNAME", "FAMILY", "MALWARE", "MALWAREFAMILY", "MALWAREPRINTABLE", "DESCRIPTION"}) {
    if (name == known) return Column::threat;
  }
  if (name == "CATEGORY") return Column::category;
  if (name == "THREATTYPE") return Column::threat_type;
  if (name == "CONFIDENCE" || name == "CONFIDENCELEVEL") return Column::confidence;
  if (name == "FIRSTSEEN" || name == "FIRSTSEENUTC") return Column::first_seen;
  if (name == "LASTSEEN" || name == "LASTSEENUTC" || name == "LASTONLINE" || name == "OBSERVATIONTIME")
    return Column::last_seen;
  return Column::other;
}

// ThreatFox's words for what an indicator is for.
std::optional<IntelCategory> category_of_threat_type(std::string_view type) {
  if (type == "botnet_cc" || type == "cc_skimming") return IntelCategory::c2;
  if (type == "payload_delivery") return IntelCategory::drive_by;
  if (type == "payload") return IntelCategory::malware;
  return std::nullopt;
}

std::optional<std::uint8_t> percentage(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > 100) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

// A date without a time means the whole day.
std::optional<TimeMs> last_time(std::string_view text) {
  const auto time = list_time(text);
  if (time && trim(text).size() == 10 && trim(text)[4] == '-') return *time + day_ms - 1;
  return time;
}

std::vector<Column> columns_of(std::string_view header, IntelFormat format) {
  std::vector<Column> columns;
  for (const std::string& field : split_csv(header)) {
    // FireEye's description tells the report; its malwareFamily is the name.
    const bool text = format == IntelFormat::fire_eye && upper(field) == "DESCRIPTION";
    columns.push_back(text ? Column::other : column_of(field));
  }
  return columns;
}

bool has_value_column(const std::vector<Column>& columns) {
  return std::find(columns.begin(), columns.end(), Column::value) != columns.end();
}

// All CSV kinds: they differ only in the names of their columns. FireEye rows hold several values, each an
// entry.
void read_csv(std::string_view content, IntelFormat format, ListReader& reader) {
  std::vector<Column> columns;
  each_line(content, [&](std::string_view line, std::size_t number) {
    line = trim(line);
    if (line.starts_with('#')) {
      // abuse.ch puts the header into a comment.
      line.remove_prefix(std::min(line.find_first_not_of("# "), line.size()));
      auto commented = columns_of(line, format);
      if (columns.empty() && commented.size() > 1 && has_value_column(commented))
        columns = std::move(commented);
      return true;
    }
    if (line.empty()) return true;
    if (columns.empty()) {
      columns = columns_of(line, format);
      if (has_value_column(columns)) return true;
      columns = {Column::value};  // no header: the first field is the value
    }
    const std::vector<std::string> fields = split_csv(line);
    About about;
    bool any = false;
    for (std::size_t i = 0; i < fields.size() && i < columns.size(); ++i) {
      if (columns[i] == Column::threat && about.threat.empty()) about.threat = fields[i];
      if (columns[i] == Column::category) about.category = parse_intel_category(fields[i]);
      if (columns[i] == Column::threat_type) about.category = category_of_threat_type(fields[i]);
      if (columns[i] == Column::confidence) about.confidence = percentage(fields[i]);
      if (columns[i] == Column::first_seen) about.first_seen = list_time(fields[i]);
      if (columns[i] == Column::last_seen) about.last_seen = last_time(fields[i]);
    }
    for (std::size_t i = 0; i < fields.size() && i < columns.size(); ++i) {
      if (columns[i] != Column::value || fields[i].empty()) continue;
      any = true;
      reader.value(fields[i], about, number);
    }
    if (!any) reader.refuse("a row without a value", number, line);
    return !reader.full();
  });
}

// --- Tor's relays

// Clients connect to guards and directory authorities, exits connect to the world; other relays serve relays
// only and tell nothing of an instance that meets their address.
struct RelayFlags {
  bool entry = false, exit = false;
  void add(std::string_view flag) {
    entry |= flag == "Guard" || flag == "Authority";
    exit |= flag == "Exit";
  }
};

void read_relay(const RelayFlags& flags, const std::vector<std::string>& addresses,
                const std::vector<std::string>& exit_addresses, std::size_t line, ListReader& reader) {
  const auto tell = [&](const std::vector<std::string>& from, IntelCategory category) {
    for (std::string_view address : from) {
      if (address.starts_with('[')) address = address.substr(1, address.find(']') - 1);  // [IPv6]:port
      reader.value(address, {.threat = "Tor", .category = category}, line);
    }
  };
  if (flags.entry) tell(addresses, IntelCategory::tor_relay);
  if (flags.exit) tell(exit_addresses.empty() ? addresses : exit_addresses, IntelCategory::tor_exit);
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (line = trim(line); !line.empty(); line = trim(line)) {
    const std::size_t end = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

// Router status entries (dir-spec): "r" ends with address, ORPort and DirPort in either flavour, "a" adds an
// address, "s" gives the flags. The authorities' signatures are not checked.
Result<void> read_tor_consensus(std::string_view content, ListReader& reader) {
  if (!content.starts_with("network-status-version"))
    return fail(ErrorKind::invalid, "not a Tor consensus: it does not begin with network-status-version");
  std::vector<std::string> addresses;
  each_line(content, [&](std::string_view line, std::size_t number) {
    if (line.starts_with("r ")) {
      const auto words = words_of(line);
      addresses.clear();
      if (words.size() < 8) {
        reader.refuse("a router without an address", number, line);
      } else {
        addresses.emplace_back(words[words.size() - 3]);
      }
    } else if (line.starts_with("a ")) {
      addresses.emplace_back(trim(line.substr(2)));
    } else if (line.starts_with("s ") && !addresses.empty()) {
      RelayFlags flags;
      for (const std::string_view flag : words_of(line.substr(2))) flags.add(flag);
      read_relay(flags, addresses, {}, number, reader);
      addresses.clear();
    }
    return !reader.full();
  });
  return {};
}

std::vector<std::string> texts_of(const simdjson::dom::element& object, std::string_view key) {
  std::vector<std::string> texts;
  simdjson::dom::array list;
  if (object[key].get(list) != simdjson::SUCCESS) return texts;
  for (const simdjson::dom::element item : list) {
    std::string_view text;
    if (item.get(text) == simdjson::SUCCESS) texts.emplace_back(text);
  }
  return texts;
}

Result<void> read_onionoo(std::string_view content, ListReader& reader) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (const auto error = parser.parse(content.data(), content.size()).get(root))
    return fail(ErrorKind::invalid, fmt::format("not readable as JSON: {}", simdjson::error_message(error)));
  simdjson::dom::array relays;
  if (!root.is_object() || root["relays"].get(relays) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, "no Onionoo document: it has no array \"relays\"");
  std::size_t number = 0;
  for (const simdjson::dom::element relay : relays) {
    ++number;
    if (!relay.is_object()) {
      reader.refuse("not a relay", number, "");
      continue;
    }
    RelayFlags flags;
    for (const std::string& flag : texts_of(relay, "flags")) flags.add(flag);
    read_relay(flags, texts_of(relay, "or_addresses"), texts_of(relay, "exit_addresses"), number, reader);
    if (reader.full()) break;
  }
  return {};
}

// --- STIX 1, XML

struct XmlValue {
  std::string text;
  std::string condition;
  std::string threat;
  std::size_t line = 0;
};

class StixXml {
 public:
  StixXml() : parser_(XML_ParserCreate(nullptr)) {
    XML_SetUserData(parser_, this);
    XML_SetElementHandler(
        parser_,
        [](void* self, const char* name, const char** attributes) { of(self).open(name, attributes); },
        [](void* self, const char* name) { of(self).close(name); });
    XML_SetCharacterDataHandler(parser_, [](void* self, const char* text, int length) {
      of(self).text(std::string_view(text, static_cast<std::size_t>(length)));
    });
    // A list needs no document type; refusing it rules out entity bombs and outside references.
    XML_SetStartDoctypeDeclHandler(parser_, [](void* self, const char*, const char*, const char*, int) {
      of(self).stop("a document type declaration is not accepted");
    });
  }
  ~StixXml() { XML_ParserFree(parser_); }
  StixXml(const StixXml&) = delete;
  StixXml& operator=(const StixXml&) = delete;

  Result<std::vector<XmlValue>> parse(std::string_view content) {
    constexpr std::size_t step = 1U << 20;
    bool ok = true;
    for (std::size_t at = 0; ok && (at < content.size() || at == 0); at += step) {
      const std::string_view part = content.substr(at, step);
      const bool last = at + step >= content.size();
      ok = XML_Parse(parser_, part.data(), static_cast<int>(part.size()), last ? 1 : 0) == XML_STATUS_OK;
      if (last) break;
    }
    if (ok) return std::move(values_);
    const std::string why = !stopped_.empty() ? stopped_ : XML_ErrorString(XML_GetErrorCode(parser_));
    return fail(ErrorKind::invalid, fmt::format("not readable as STIX 1 XML: {} in line {}", why,
                                                XML_GetCurrentLineNumber(parser_)));
  }

 private:
  static StixXml& of(void* self) { return *static_cast<StixXml*>(self); }
  static std::string_view local(std::string_view name) { return name.substr(name.find(':') + 1); }

  void stop(const char* why) {
    if (stopped_.empty()) stopped_ = why;
    XML_StopParser(parser_, XML_FALSE);
  }

  void open(std::string_view qualified, const char** attributes) {
    const std::string_view name = local(qualified);
    if (++depth_ > depth_max) return stop("nested too deeply");
    text_.clear();
    condition_.clear();
    for (; *attributes != nullptr; attributes += 2) {
      if (std::string_view(attributes[0]) == "condition") condition_ = attributes[1];
    }
    if (name == "Indicator") {
      indicator_depth_ = depth_;
      title_.clear();
    }
    if (name == "Properties") in_properties_ = true;
  }

  void close(std::string_view qualified) {
    const std::string_view name = local(qualified);
    if (name == "Title" && depth_ == indicator_depth_ + 1) title_ = trim(text_);
    const bool is_value = name == "Address_Value" || name == "Value" || name == "Simple_Hash_Value";
    if (in_properties_ && is_value && !trim(text_).empty()) {
      values_.push_back({std::string(trim(text_)), condition_, title_, XML_GetCurrentLineNumber(parser_)});
    }
    if (name == "Properties") in_properties_ = false;
    if (name == "Indicator") {
      indicator_depth_ = 0;
      title_.clear();
    }
    text_.clear();
    --depth_;
  }

  void text(std::string_view more) {
    constexpr std::size_t value_bytes_max = 1U << 20;
    if (text_.size() + more.size() > value_bytes_max) return stop("a value over 1 MiB");
    text_ += more;
  }

  static constexpr int depth_max = 200;
  XML_Parser parser_;
  std::vector<XmlValue> values_;
  std::string text_, condition_, title_, stopped_;
  int depth_ = 0, indicator_depth_ = 0;
  bool in_properties_ = false;
};

void read_stix1(const std::vector<XmlValue>& values, ListReader& reader) {
  constexpr std::string_view comma = "##comma##";  // CybOX separates the values of one field so
  for (const XmlValue& value : values) {
    if (reader.full()) return;
    const About about{.threat = value.threat};
    std::vector<std::string_view> parts;
    std::string_view rest = value.text;
    for (std::size_t at = 0; (at = rest.find(comma)) != std::string_view::npos;
         rest.remove_prefix(at + comma.size())) {
      parts.push_back(trim(rest.substr(0, at)));
    }
    parts.push_back(trim(rest));
    if (value.condition == "InclusiveBetween") {
      const auto first = IpAddress::parse(parts.front());
      const auto last = parts.size() == 2 ? IpAddress::parse(parts[1]) : std::nullopt;
      if (first && last) {
        reader.range(*first, *last, about, value.line, value.text);
      } else {
        reader.refuse("a range without two addresses", value.line, value.text);
      }
    } else if (value.condition.empty() || value.condition == "Equals") {
      for (const std::string_view part : parts) reader.value(part, about, value.line);
    } else {
      reader.refuse("a condition other than Equals and InclusiveBetween", value.line, value.condition);
    }
  }
}

// --- STIX 2, JSON

// The values of a pattern that is a plain choice of equal conditions on addresses, names and hashes, such as
//   [ipv4-addr:value = '192.0.2.1' OR domain-name:value IN ('a.example', 'b.example')]
// Nothing for what must hold together or in sequence: one part alone would prove nothing.
std::optional<std::vector<std::string>> pattern_values(std::string_view pattern) {
  std::vector<std::string> values;
  std::size_t at = 0;
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  const auto skip = [&] {
    while (at < pattern.size() && blank(pattern[at])) ++at;
  };
  const auto take = [&](char c) {
    skip();
    if (at >= pattern.size() || pattern[at] != c) return false;
    ++at;
    return true;
  };
  const auto word = [&] {  // an object path or a keyword
    skip();
    const std::size_t from = at;
    while (at < pattern.size() && !blank(pattern[at]) &&
           std::string_view("[]()=!<>,").find(pattern[at]) == std::string_view::npos)
      ++at;
    return pattern.substr(from, at - from);
  };
  const auto literal = [&]() -> bool {
    if (!take('\'')) return false;
    std::string text;
    for (; at < pattern.size(); ++at) {
      if (pattern[at] == '\\' && at + 1 < pattern.size()) {
        text += pattern[++at];
      } else if (pattern[at] == '\'') {
        ++at;
        values.push_back(std::move(text));
        return true;
      } else {
        text += pattern[at];
      }
    }
    return false;
  };
  const auto comparison = [&] {
    const std::string path = upper(word());
    const bool known =
        path == "IPV4-ADDR:VALUE" || path == "IPV6-ADDR:VALUE" || path == "DOMAIN-NAME:VALUE" ||
        path == "URL:VALUE" || path == "FILE:HASHES.'SHA-256'" || path == "FILE:HASHES.SHA256" ||
        path == "FILE:HASHES.'SHA256'" || path == "FILE:HASHES.MD5" || path == "FILE:HASHES.'MD5'" ||
        path == "FILE:HASHES.'SHA-1'" || path == "FILE:HASHES.SHA1" || path == "FILE:HASHES.'SHA1'";
    if (!known) return false;
    if (take('=')) return literal();
    const std::string verb = upper(word());
    if (verb == "ISSUBSET") return literal();
    if (verb != "IN" || !take('(')) return false;
    do {
      if (!literal()) return false;
    } while (take(','));
    return take(')');
  };
  do {
    if (!take('[')) return std::nullopt;
    do {
      if (!comparison()) return std::nullopt;
      if (take(']')) break;
      if (upper(word()) != "OR") return std::nullopt;
    } while (true);
    skip();
    if (at == pattern.size()) return values;
  } while (upper(word()) == "OR");
  return std::nullopt;
}

std::string_view text_of(const simdjson::dom::object& object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

void read_stix2_object(const simdjson::dom::element& element, std::size_t number, ListReader& reader) {
  simdjson::dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return reader.refuse("not a STIX object", number, "");
  // Identities, marking definitions, relationships and the like are no indicators and no fault.
  if (text_of(object, "type") != "indicator") return;
  const std::string_view pattern = text_of(object, "pattern");
  const std::string_view language = text_of(object, "pattern_type");
  if (!language.empty() && language != "stix")
    return reader.refuse("a pattern in another language than STIX", number, language);
  bool revoked = false;
  if (object["revoked"].get(revoked) == simdjson::SUCCESS && revoked) {
    return reader.refuse("revoked", number, pattern);
  }
  const auto values = pattern_values(pattern);
  if (!values) return reader.refuse("a pattern that is no plain choice of values", number, pattern);
  const About about{.threat = std::string(text_of(object, "name")),
                    .first_seen = list_time(text_of(object, "valid_from")),
                    .last_seen = list_time(text_of(object, "valid_until"))};
  for (const std::string& value : *values) reader.value(value, about, number);
}

// A bundle, or its objects as a bare array.
Result<void> read_stix2(std::string_view content, ListReader& reader) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (const auto error = parser.parse(content.data(), content.size()).get(root)) {
    return fail(ErrorKind::invalid,
                fmt::format("not readable as STIX 2 JSON: {}", simdjson::error_message(error)));
  }
  simdjson::dom::array objects;
  if (root.get(objects) != simdjson::SUCCESS && root["objects"].get(objects) != simdjson::SUCCESS) {
    return fail(ErrorKind::invalid, "not a STIX 2 bundle: it has no array \"objects\"");
  }
  std::size_t number = 0;
  for (const simdjson::dom::element element : objects) {
    read_stix2_object(element, ++number, reader);
    if (reader.full()) break;
  }
  return {};
}

}  // namespace

std::string_view to_string(IntelFormat format) {
  return std::find_if(format_names.begin(), format_names.end(),
                      [&](const FormatName& n) { return n.format == format; })
      ->name;
}

Result<std::optional<IntelFormat>> parse_intel_format(std::string_view name) {
  const std::string wanted = upper(name);
  if (wanted.empty() || wanted == "STIX") return std::nullopt;
  for (const auto& [format, known] : format_names) {
    if (wanted == known) return format;
  }
  return fail(ErrorKind::invalid,
              fmt::format("unknown list format \"{}\"; known are TXT, CSV, STIX, OTX_CSV, ALIEN_VAULT, "
                          "PROOF_POINT, FIRE_EYE, TOR_CONSENSUS and ONIONOO",
                          name));
}

IntelFormat guess_intel_format(std::string_view content) {
  const std::string_view start = trim(content.substr(0, 4096));
  if (start.starts_with('<')) return IntelFormat::stix1;
  if (start.starts_with("network-status-version")) return IntelFormat::tor_consensus;
  if (start.starts_with('{') && start.find("\"relays\"") != std::string_view::npos)
    return IntelFormat::onionoo;
  if (start.starts_with('{') || start.starts_with('[')) return IntelFormat::stix2;
  IntelFormat format = IntelFormat::txt;
  each_line(content, [&](std::string_view line, std::size_t) {
    line = trim(line);
    if (line.empty() || line.starts_with('#') || line.starts_with(';') || line.starts_with("//")) return true;
    if (std::count(line.begin(), line.end(), '#') >= 6) {
      format = IntelFormat::alien_vault;
    } else if (line.find(',') != std::string_view::npos) {
      const auto fields = split_csv(line);
      const std::string first = upper(fields[0]);
      format = first == "INDICATOR TYPE" ? IntelFormat::otx_csv
               : first == "REPORTID"     ? IntelFormat::fire_eye
               : (first == "IP" || first == "DOMAIN") && fields.size() > 2 && upper(fields[2]) == "SCORE"
                   ? IntelFormat::proof_point
                   : IntelFormat::csv;
    }
    return false;
  });
  return format;
}

std::size_t ListReport::set_aside_total() const {
  std::size_t total = 0;
  for (const SetAside& aside : set_aside) total += aside.count;
  return total;
}

Result<ListReport> parse_intel_list(std::string_view content, const ListOptions& options,
                                    const ListSink& sink) {
  if (content.size() > options.bytes_max) {
    return fail(ErrorKind::too_large,
                fmt::format("{} bytes, more than the {} a list may have", content.size(), options.bytes_max));
  }
  if (content.starts_with("\xef\xbb\xbf")) content.remove_prefix(3);
  if (content.starts_with("\xff\xfe") || content.starts_with("\xfe\xff")) {
    return fail(ErrorKind::unsupported, "the list is in UTF-16; save it as UTF-8");
  }
  ListReport report{.format = options.format ? *options.format : guess_intel_format(content)};
  ListReader reader(options, sink, report);
  switch (report.format) {
    case IntelFormat::txt:
      read_txt(content, reader);
      break;
    case IntelFormat::alien_vault:
      read_alien_vault(content, reader);
      break;
    case IntelFormat::csv:
    case IntelFormat::otx_csv:
    case IntelFormat::proof_point:
    case IntelFormat::fire_eye:
      read_csv(content, report.format, reader);
      break;
    case IntelFormat::stix1: {
      const auto values = StixXml().parse(content);
      if (!values) return std::unexpected(values.error());
      read_stix1(*values, reader);
      break;
    }
    case IntelFormat::tor_consensus:
      if (const auto read = read_tor_consensus(content, reader); !read) return std::unexpected(read.error());
      break;
    case IntelFormat::onionoo:
      if (const auto read = read_onionoo(content, reader); !read) return std::unexpected(read.error());
      break;
    case IntelFormat::stix2:
      if (const auto read = read_stix2(content, reader); !read) return std::unexpected(read.error());
      break;
  }
  if (reader.full()) {
    return fail(ErrorKind::too_large,
                fmt::format("more than the {} entries a list may have", options.entries_max));
  }
  return report;
}

std::vector<IpPrefix> prefixes_of_range(const IpAddress& first, const IpAddress& last) {
  std::vector<IpPrefix> prefixes;
  const bool v4 = first.is_v4();
  const unsigned width = v4 ? 32 : 128;
  Uint128 from = v4 ? first.v4_value() : to_uint128(first);
  const Uint128 to = v4 ? last.v4_value() : to_uint128(last);
  while (from <= to) {
    // The largest block that starts here and does not pass the end.
    unsigned bits = 0;
    while (bits < width) {
      const Uint128 hosts = (bits + 1 == 128) ? ~Uint128{0} : (Uint128{1} << (bits + 1)) - 1;
      if ((from & hosts) != 0 || hosts > to - from) break;
      ++bits;
    }
    IpAddress address = IpAddress::v4(static_cast<std::uint32_t>(from));
    if (!v4) {
      std::array<std::uint8_t, 16> bytes{};
      for (unsigned i = 0; i < 16; ++i) bytes[i] = static_cast<std::uint8_t>(from >> (120 - 8 * i));
      address = IpAddress::v6(bytes);
    }
    prefixes.push_back({address, width - bits});
    const Uint128 hosts = bits == 128 ? ~Uint128{0} : (Uint128{1} << bits) - 1;
    if (hosts == to - from) break;
    from += hosts + 1;
  }
  return prefixes;
}

}  // namespace picket
