#include "enrich/intel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace picket {

namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(intel_category_last) + 1> category_names = {
    "custom",
    "malicious",
    "c2",
    "mining",
    "tor_exit",
    "tor_relay",
    "scanner",
    "phishing",
    "drop_point",
    "sinkhole",
    "drive_by",
    "anonymous_proxy",
    "malware",
    "dga",
    "abused_domain",
    "malicious_domain",
    "suspicious_domain",
    "mining_domain",
    "shared",
    "dns_resolver",
    "own_domain"};

// Wider prefixes are taken for mistakes: no list means a sixteenth of the Internet.
constexpr unsigned v4_length_min = 8;
constexpr unsigned v6_length_min = 16;

std::optional<Sha256> parse_sha256(std::string_view hex) {
  Sha256 digest{};
  if (hex.size() != 64) return std::nullopt;
  for (std::size_t i = 0; i < 64; ++i) {
    const char c = hex[i];
    unsigned nibble;
    if (c >= '0' && c <= '9') {
      nibble = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      nibble = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      nibble = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    digest[i / 2] = static_cast<std::uint8_t>(unsigned{digest[i / 2]} << 4 | nibble);
  }
  return digest;
}

std::string hex_of(const Sha256& digest) {
  std::string hex;
  for (const unsigned byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::string text_of(const IpPrefix& prefix) {
  const bool lone = prefix.length == (prefix.address.is_v4() ? 32U : 128U);
  return lone ? prefix.address.to_string() : prefix.to_string();
}

}  // namespace

std::string_view to_string(IntelCategory category) {
  return category_names[static_cast<std::size_t>(category)];
}

std::optional<IntelCategory> parse_intel_category(std::string_view name) {
  const auto found = std::find(category_names.begin(), category_names.end(), name);
  if (found == category_names.end()) return std::nullopt;
  return static_cast<IntelCategory>(found - category_names.begin());
}

std::span<const IntelHit> IntelIndex::holding(std::span<const IntelHit> hits, const IntelPlace& place,
                                              std::vector<IntelHit>& room) const {
  const auto here = [&](const IntelHit& hit) { return holds(hit, place); };
  if (std::all_of(hits.begin(), hits.end(), here)) return hits;
  room.clear();
  std::copy_if(hits.begin(), hits.end(), std::back_inserter(room), here);
  return room;
}

std::span<const IntelHit> IntelIndex::match_sha256(std::string_view hex) const {
  const auto digest = hashes_.empty() ? std::nullopt : parse_sha256(hex);
  if (!digest) return {};
  const auto found =
      std::lower_bound(hashes_.begin(), hashes_.end(), *digest,
                       [](const Hash& hash, const Sha256& wanted) { return hash.digest < wanted; });
  if (found == hashes_.end() || found->digest != *digest) return {};
  return std::span(hash_hits_).subspan(found->span.begin, found->span.count);
}

IntelBuilder::IndicatorId IntelBuilder::describe(const Indicator& indicator,
                                                 std::shared_ptr<const IntelScope> scope) {
  const auto time = [](const std::optional<TimeMs>& t) { return t ? std::to_string(*t) : std::string(); };
  const std::string owner = scope ? scope->owner + ' ' + scope->region : std::string();
  std::string key;
  for (const std::string& part :
       {std::string(to_string(indicator.category)), std::string(indicator.trusted ? "trusted" : ""),
        indicator.list, indicator.source, indicator.threat, time(indicator.first_seen),
        time(indicator.last_seen), time(indicator.as_of),
        indicator.confidence ? std::to_string(*indicator.confidence) : std::string(), owner}) {
    key += part;
    key += '\0';
  }
  const auto [at, fresh] = ids_.emplace(std::move(key), static_cast<IndicatorId>(indicators_.size()));
  if (fresh) {
    indicators_.push_back(indicator);
    scopes_.push_back(std::move(scope));
  }
  return at->second;
}

std::optional<std::string_view> IntelBuilder::add_address(const IpPrefix& prefix, IndicatorId id) {
  IpPrefix taken = prefix;
  // Written as ::ffff:192.0.2.0/120 the length counts on 128 bits.
  if (taken.address.is_v4() && taken.length >= 96) taken.length -= 96;
  if (taken.length > (taken.address.is_v4() ? 32U : 128U)) return "not an address range";
  if (taken.length < (taken.address.is_v4() ? v4_length_min : v6_length_min)) return "address range too wide";
  addresses_.push_back({taken, id});
  return std::nullopt;
}

std::optional<std::string_view> IntelBuilder::add_domain(std::string_view name, DomainMatch match,
                                                         IndicatorId id) {
  if (name.starts_with("*.")) {
    name.remove_prefix(2);
    match = DomainMatch::below;
  }
  auto normalised = normalise_domain(name);
  if (!normalised) return "not a domain name";
  if (match != DomainMatch::exact && is_shared_suffix(*normalised)) {
    if (match == DomainMatch::below) return "wildcard under a public suffix or shared host";
    match = DomainMatch::exact;
  }
  domains_.push_back({std::move(*normalised), match, id});
  return std::nullopt;
}

std::optional<std::string_view> IntelBuilder::add_sha256(std::string_view hex, IndicatorId id) {
  const auto digest = parse_sha256(hex);
  if (!digest) return "not a SHA-256 hash";
  hashes_.push_back({*digest, id});
  return std::nullopt;
}

std::optional<std::string_view> IntelBuilder::add_access_key(std::string_view key_id, IndicatorId id) {
  if (indicators_[id].trusted) return "an access key cannot be trusted by a list";
  access_keys_.emplace_back(key_id, id);
  return std::nullopt;
}

void IntelBuilder::rollback(const Mark& mark) {
  addresses_.erase(addresses_.begin() + static_cast<std::ptrdiff_t>(mark.addresses), addresses_.end());
  domains_.erase(domains_.begin() + static_cast<std::ptrdiff_t>(mark.domains), domains_.end());
  hashes_.erase(hashes_.begin() + static_cast<std::ptrdiff_t>(mark.hashes), hashes_.end());
  access_keys_.erase(access_keys_.begin() + static_cast<std::ptrdiff_t>(mark.access_keys),
                     access_keys_.end());
}

// Texts first: hits keep views of them, so they must have their final place.
IntelBuilder::Texts IntelBuilder::keep_texts(IntelIndex& index) {
  // A line repeated in a list says nothing new, and many repeats would crowd out other lists.
  std::sort(addresses_.begin(), addresses_.end(), [](const Address& a, const Address& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : a.id < b.id;
  });
  const auto same = [](const Address& a, const Address& b) { return a.prefix == b.prefix && a.id == b.id; };
  addresses_.erase(std::unique(addresses_.begin(), addresses_.end(), same), addresses_.end());
  std::sort(hashes_.begin(), hashes_.end(), [](const Hash& a, const Hash& b) {
    return a.digest != b.digest ? a.digest < b.digest : a.id < b.id;
  });

  Texts texts{index.texts_, {}};
  const auto add_text = [&](const std::string& text) {
    texts.offsets.push_back(index.texts_.size());
    index.texts_.insert(index.texts_.end(), text.begin(), text.end());
  };
  for (const Address& address : addresses_) add_text(text_of(address.prefix));
  for (const Hash& hash : hashes_) add_text(hex_of(hash.digest));
  texts.offsets.push_back(index.texts_.size());
  index.texts_.shrink_to_fit();
  return texts;
}

// The hits of a range that these addresses cover: of each indicator one, and of one owner's not too many.
void IntelBuilder::add_hits(const IntelIndex& index, std::span<const std::uint32_t> covering,
                            const std::function<bool(IndicatorId)>& of, const Texts& texts,
                            std::vector<IntelHit>& hits) const {
  const std::span<const Indicator> indicators = index.indicators_;
  const auto known_for = [&](IntelCategory category) {
    return std::ranges::any_of(
        covering, [&](std::uint32_t value) { return indicators[addresses_[value].id].category == category; });
  };
  const auto scope_of = [&](const Indicator* indicator) {
    return index.scopes_[static_cast<std::size_t>(indicator - indicators.data())];
  };
  const bool shared = known_for(IntelCategory::shared), scanner = known_for(IntelCategory::scanner);
  const std::size_t begin = hits.size();
  for (const std::uint32_t value : covering) {
    if (!of(addresses_[value].id)) continue;
    const Indicator* indicator = &indicators[addresses_[value].id];
    const std::span<const IntelHit> made = std::span(hits).subspan(begin);
    if (std::ranges::any_of(made, [&](const IntelHit& hit) { return hit.indicator == indicator; })) continue;
    const auto of_owner = std::ranges::count_if(
        made, [&](const IntelHit& hit) { return scope_of(hit.indicator) == scope_of(indicator); });
    if (static_cast<std::size_t>(of_owner) == hits_per_range_max) continue;
    hits.push_back({indicator, texts.at(value), shared, scanner});
  }
}

std::size_t IntelBuilder::fill(const IntelIndex& index, IntelIndex::AddressSet& set,
                               const std::function<bool(IndicatorId)>& of,
                               const std::function<bool(IndicatorId)>& beside, const Texts& texts) const {
  std::vector<PrefixValue> prefixes;
  std::size_t count = 0;
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    const bool held = of(addresses_[i].id);
    count += held ? 1 : 0;
    if (held || beside(addresses_[i].id))
      prefixes.push_back({addresses_[i].prefix, static_cast<std::uint32_t>(i)});
  }
  set.ranges = flatten(prefixes, [&](std::span<const std::uint32_t> covering) {
    const std::size_t begin = set.hits.size();
    add_hits(index, covering, of, texts, set.hits);
    if (set.hits.size() == begin) return RangeMap::none;
    set.spans.push_back(
        {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(set.hits.size() - begin)});
    return static_cast<std::uint32_t>(set.spans.size() - 1);
  });
  set.hits.shrink_to_fit();
  set.spans.shrink_to_fit();
  return count;
}

void IntelBuilder::build_addresses(IntelIndex& index, const Texts& texts) const {
  const std::span<const Indicator> indicators = index.indicators_;
  const auto trusted = [&](IndicatorId id) { return indicators[id].trusted; };
  const auto describes = [&](IndicatorId id) {
    return !indicators[id].trusted && only_describes(indicators[id].category);
  };
  const auto threat = [&](IndicatorId id) { return !trusted(id) && !describes(id); };
  const auto none = [](IndicatorId) { return false; };
  index.counts_.addresses = fill(index, index.threat_addresses_, threat, describes, texts);
  index.counts_.trusted = fill(index, index.trusted_addresses_, trusted, none, texts);
  fill(index, index.described_addresses_, describes, none, texts);
  index.threat_bitmap_ = V4Bitmap(index.threat_addresses_.ranges);
  for (const Address& address : addresses_) {
    if (!address.prefix.address.is_v4() && threat(address.id))
      index.v6_categories_.set(static_cast<std::size_t>(indicators[address.id].category));
  }
}

void IntelBuilder::build_domains(IntelIndex& index) {
  const std::span<const Indicator> indicators = index.indicators_;
  std::vector<DomainItem> threat_domains, trusted_domains;
  std::vector<std::string> own_domains;
  for (DomainItem& item : domains_) {
    const Indicator& indicator = indicators[item.indicator];
    if (indicator.category == IntelCategory::own_domain) {
      own_domains.push_back(item.name);
      if (!indicator.trusted) continue;
    }
    (indicator.trusted ? trusted_domains : threat_domains).push_back(std::move(item));
  }
  index.counts_.domains = threat_domains.size();
  index.counts_.trusted += trusted_domains.size();
  index.look_alikes_ = LookAlikes(own_domains);
  index.threat_domains_ = DomainSet(std::move(threat_domains), indicators);
  index.trusted_domains_ = DomainSet(std::move(trusted_domains), indicators);
}

// A trusted file is not reported, so its hash need not be kept.
void IntelBuilder::build_hashes(IntelIndex& index, const Texts& texts) const {
  const std::span<const Indicator> indicators = index.indicators_;
  for (std::size_t begin = 0, end = 0; begin < hashes_.size(); begin = end) {
    while (end < hashes_.size() && hashes_[end].digest == hashes_[begin].digest) ++end;
    const std::span<const Hash> same = std::span(hashes_).subspan(begin, end - begin);
    if (std::ranges::any_of(same, [&](const Hash& hash) { return indicators[hash.id].trusted; })) {
      ++index.counts_.trusted;
      continue;
    }
    const auto first = static_cast<std::uint32_t>(index.hash_hits_.size());
    for (std::size_t i = begin; i < end; ++i)
      index.hash_hits_.push_back({&indicators[hashes_[i].id], texts.at(addresses_.size() + i)});
    index.hashes_.push_back({hashes_[begin].digest, {first, static_cast<std::uint32_t>(end - begin)}});
  }
  index.counts_.hashes = index.hashes_.size();
}

std::shared_ptr<const IntelIndex> IntelBuilder::build() {
  const auto index = std::make_shared<IntelIndex>();
  index->indicators_ = std::move(indicators_);
  index->scopes_ = std::move(scopes_);
  const Texts texts = keep_texts(*index);
  build_addresses(*index, texts);
  build_domains(*index);
  build_hashes(*index, texts);
  for (const auto& [key, id] : access_keys_) {
    const auto [at, fresh] = index->access_keys_.try_emplace(key);
    if (fresh) at->second = {&index->indicators_[id], at->first};
  }
  const auto address_bytes = [](const IntelIndex::AddressSet& set) {
    return set.ranges.bytes() + set.spans.size() * sizeof(IntelIndex::HitSpan) +
           set.hits.size() * sizeof(IntelHit);
  };
  index->counts_.bytes = address_bytes(index->threat_addresses_) + address_bytes(index->trusted_addresses_) +
                         address_bytes(index->described_addresses_) + index->threat_bitmap_.bytes() +
                         index->threat_domains_.bytes() + index->trusted_domains_.bytes() +
                         index->texts_.size() + index->hashes_.size() * sizeof(IntelIndex::Hash);
  *this = IntelBuilder();
  return index;
}

}  // namespace picket
