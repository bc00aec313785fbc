#include "enrich/domain_set.h"

#include <libpsl.h>

#include <algorithm>
#include <array>
#include <bit>
#include <unordered_map>
#include <unordered_set>

namespace picket {

namespace {

constexpr std::array<char, 256> make_lower() {
  std::array<char, 256> table{};
  for (int c = 0; c < 256; ++c)
    table[static_cast<std::size_t>(c)] = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return table;
}
constexpr std::array<char, 256> lower_table = make_lower();
char lower(char c) { return lower_table[static_cast<unsigned char>(c)]; }

// FNV-1a over the bytes from the right, so that the hash of every suffix falls out on the way.
constexpr std::uint64_t hash_start = 0xcbf29ce484222325ULL;
constexpr std::uint64_t hash_step(std::uint64_t hash, char c) {
  return (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
}
constexpr std::uint64_t hash_finish(std::uint64_t hash) {
  hash ^= hash >> 32;
  hash *= 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 29);
}

std::uint64_t fingerprint_of(std::string_view name) {
  std::uint64_t hash = hash_start;
  for (std::size_t i = name.size(); i-- > 0;) hash = hash_step(hash, name[i]);
  return hash_finish(hash);
}

// Entries of one name kept per way of matching; more say nothing new.
constexpr std::uint16_t hits_per_way_max = 16;

constexpr std::uint64_t filter_bits(std::uint64_t fingerprint) {
  return std::uint64_t{1} << (fingerprint & 63U) | std::uint64_t{1} << (fingerprint >> 6 & 63U) |
         std::uint64_t{1} << (fingerprint >> 12 & 63U);
}

// Providers that hand out names under their own without an entry in the public suffix list.
const std::unordered_set<std::string_view> shared_hosts = {
    "000webhostapp.com", "altervista.org", "angelfire.com", "azurewebsites.net", "cloudfront.net",
    "ddns.net",          "duckdns.org",    "dynu.net",      "github.io",         "gitlab.io",
    "googleapis.com",    "herokuapp.com",  "hopto.org",     "livejournal.com",   "netlify.app",
    "ngrok.io",          "pages.dev",      "servehttp.com", "sourceforge.net",   "sytes.net",
    "trycloudflare.com", "tripod.com",     "tumblr.com",    "vercel.app",        "weebly.com",
    "wixsite.com",       "wordpress.com",  "workers.dev",   "zapto.org",         "appspot.com",
    "amazonaws.com",     "windows.net",    "blogspot.com",  "firebaseapp.com",   "web.app",
    "ngrok.app",         "ngrok-free.app", "onion",         "myftp.org",         "no-ip.org"};

}  // namespace

std::optional<std::string> normalise_domain(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return std::nullopt;
  std::string name;
  name.reserve(text.size());
  std::size_t label = 0, labels = 1;
  bool digits_only = true;
  for (const char raw : text) {
    const char c = lower(raw);
    if (c == '.') {
      if (label == 0) return std::nullopt;
      label = 0;
      ++labels;
      digits_only = true;
    } else {
      const bool digit = c >= '0' && c <= '9';
      if (!digit && !(c >= 'a' && c <= 'z') && c != '-' && c != '_') return std::nullopt;
      digits_only = digits_only && digit;
      if (++label > 63) return std::nullopt;
    }
    name += c;
  }
  if (label == 0 || labels < 2 || digits_only) return std::nullopt;
  return name;
}

bool is_shared_suffix(const std::string& normalised) {
  return shared_hosts.contains(normalised) || psl_is_public_suffix(psl_builtin(), normalised.c_str()) == 1;
}

DomainSet::DomainSet(std::vector<DomainItem> items, std::span<const Indicator> indicators) {
  if (items.empty()) return;
  // Group by name; inside a group in the order of the row, then as the lists were described.
  const auto place = [](DomainMatch match) {
    return match == DomainMatch::below ? 0 : match == DomainMatch::subdomains ? 1 : 2;
  };
  std::sort(items.begin(), items.end(), [&](const DomainItem& a, const DomainItem& b) {
    if (a.name != b.name) return a.name < b.name;
    if (a.match != b.match) return place(a.match) < place(b.match);
    return a.indicator < b.indicator;
  });
  const auto same = [](const DomainItem& a, const DomainItem& b) {
    return a.name == b.name && a.match == b.match && a.indicator == b.indicator;
  };
  items.erase(std::unique(items.begin(), items.end(), same), items.end());

  struct Group {
    std::size_t begin, end;
    std::uint32_t text;  // offset of "*." and the name
  };
  std::vector<Group> groups;
  std::unordered_map<std::string_view, std::size_t> by_name;
  for (std::size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    const std::string_view name = items[begin].name;
    while (end < items.size() && items[end].name == name) ++end;
    by_name.emplace(name, groups.size());
    groups.push_back({begin, end, static_cast<std::uint32_t>(texts_.size())});
    texts_.insert(texts_.end(), {'*', '.'});
    texts_.insert(texts_.end(), name.begin(), name.end());
  }
  texts_.shrink_to_fit();  // from here on it keeps its place: hits hold views of it

  names_.reserve(groups.size());
  const std::size_t slots = std::bit_ceil(std::max<std::size_t>(groups.size() * 2, 16));
  slots_.resize(slots);
  slot_shift_ = 64U - static_cast<unsigned>(std::countr_zero(slots));
  const std::size_t words =
      std::bit_ceil(std::max<std::size_t>(groups.size() / 4, 64));  // 16 or more bits a name
  filter_.resize(words);
  filter_shift_ = 64U - static_cast<unsigned>(std::countr_zero(words));

  for (const Group& group : groups) {
    const std::string_view wildcard(texts_.data() + group.text, items[group.begin].name.size() + 2);
    const std::string_view own = wildcard.substr(2);
    Name name{.text = group.text + 2,
              .length = static_cast<std::uint8_t>(own.size()),
              .hits = static_cast<std::uint32_t>(hits_.size())};
    const auto push = [&](const DomainItem& item, std::string_view starred, std::uint16_t& count) {
      if (count == hits_per_way_max) return;
      hits_.push_back(
          {&indicators[item.indicator], item.match == DomainMatch::below ? starred : starred.substr(2)});
      ++count;
    };
    std::size_t at = group.begin;
    for (; at < group.end && items[at].match == DomainMatch::below; ++at)
      push(items[at], wildcard, name.below_only);
    for (; at < group.end && items[at].match == DomainMatch::subdomains; ++at)
      push(items[at], wildcard, name.both);
    // What wider names say of this one and all below it.
    for (std::size_t dot = own.find('.'); dot != std::string_view::npos; dot = own.find('.', dot + 1)) {
      const auto found = by_name.find(own.substr(dot + 1));
      if (found == by_name.end()) continue;
      const Group& wider = groups[found->second];
      const std::string_view starred(texts_.data() + wider.text, items[wider.begin].name.size() + 2);
      for (std::size_t i = wider.begin; i < wider.end && items[i].match != DomainMatch::exact; ++i) {
        push(items[i], starred, name.both);
      }
    }
    for (; at < group.end; ++at) push(items[at], wildcard, name.itself_only);
    names_.push_back(name);
    insert(fingerprint_of(own), static_cast<std::uint32_t>(names_.size()));
  }
  hits_.shrink_to_fit();
}

void DomainSet::insert(std::uint64_t fingerprint, std::uint32_t name) {
  filter_[fingerprint >> filter_shift_] |= filter_bits(fingerprint);
  std::size_t at = fingerprint >> slot_shift_;
  while (slots_[at].name != 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {fingerprint, name};
}

const DomainSet::Name* DomainSet::lookup(std::uint64_t fingerprint, std::string_view suffix) const {
  for (std::size_t at = fingerprint >> slot_shift_; slots_[at].name != 0;
       at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].fingerprint != fingerprint) continue;
    const Name& name = names_[slots_[at].name - 1];
    const char* text = texts_.data() + name.text;
    if (name.length == suffix.size() &&
        std::equal(suffix.begin(), suffix.end(), text, [](char a, char b) { return lower(a) == b; })) {
      return &name;
    }
  }
  return nullptr;
}

std::span<const IntelHit> DomainSet::find(std::string_view name) const {
  if (names_.empty()) return {};
  if (name.ends_with('.')) name.remove_suffix(1);
  std::span<const IntelHit> best;
  std::uint64_t hash = hash_start;
  const auto probe = [&](std::size_t from) {
    const std::uint64_t fingerprint = hash_finish(hash);
    const std::uint64_t bits = filter_bits(fingerprint);
    if ((filter_[fingerprint >> filter_shift_] & bits) != bits) return;
    const Name* found = lookup(fingerprint, name.substr(from));
    if (found == nullptr) return;
    const auto row = std::span(hits_).subspan(found->hits);
    const std::size_t below = found->below_only, both = found->both, itself = found->itself_only;
    const auto hits = from == 0 ? row.subspan(below, both + itself) : row.first(below + both);
    if (!hits.empty()) best = hits;
  };
  for (std::size_t i = name.size(); i-- > 0;) {
    const char c = lower(name[i]);
    if (c == '.') probe(i + 1);
    hash = hash_step(hash, c);
  }
  probe(0);
  return best;
}

std::size_t DomainSet::bytes() const {
  return names_.size() * sizeof(Name) + texts_.size() + hits_.size() * sizeof(IntelHit) +
         slots_.size() * sizeof(Slot) + filter_.size() * 8;
}

}  // namespace picket
