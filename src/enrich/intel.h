// The indicator index: is an address, a name or a file hash known from threat intelligence, and is it
// trusted. IntelBuilder collects entries of any number of lists; build() freezes them into an IntelIndex,
// which never changes, answers from any thread without locks, and is replaced as a whole when lists change.
//
// Trusted beats threat: match() finds nothing for what a trusted list holds; silenced() tells what it would
// have found, so that the effect of trust can be shown. Whether trust also stops findings of other kinds is
// the caller's to decide (GuardDuty: all flow and CloudTrail findings of the address, not DNS).
#pragma once

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "enrich/domain_set.h"
#include "enrich/intel_hit.h"
#include "enrich/look_alikes.h"
#include "enrich/range_map.h"

namespace picket {

struct IntelCounts {
  std::size_t addresses = 0;  // prefixes and lone addresses, trusted ones not included
  std::size_t domains = 0;
  std::size_t hashes = 0;
  std::size_t trusted = 0;
  std::size_t bytes = 0;  // memory of the tables
};

// At most this many hits of one owner are kept for one address range, the most specific entries first, then
// in the order of describe(); entries of equal indicator (same list and threat) count once.
constexpr std::size_t hits_per_range_max = 16;

// Whose list it is, when it is not everyone's: it holds for records of these accounts in this Region.
struct IntelScope {
  std::string owner, region;                         // who made the list, and where
  std::optional<std::vector<std::string>> accounts;  // sorted; absent: every account
};

// Where a record comes from.
struct IntelPlace {
  std::string_view account, region;
};

class IntelIndex {
 public:
  // What holds for records of a place: hits of everyone's lists and of those whose owner means the place,
  // unless a list of either kind trusts the address. `room` backs the answer when some of what is listed does
  // not hold.
  std::span<const IntelHit> match(const IpAddress& ip, const IntelPlace& place,
                                  std::vector<IntelHit>& room) const {
    if (ip.is_v4() && !listed_v4(ip.v4_value())) return {};
    const auto hits = threat_addresses_.find(ip);
    return hits.empty() || is_trusted(ip, place) ? std::span<const IntelHit>{} : holding(hits, place, room);
  }
  std::span<const IntelHit> match_domain(std::string_view name, const IntelPlace& place,
                                         std::vector<IntelHit>& room) const {
    const auto hits = threat_domains_.find(name);
    return hits.empty() || is_trusted_domain(name, place) ? std::span<const IntelHit>{}
                                                          : holding(hits, place, room);
  }
  // In a threat list, neither trust nor owners considered.
  bool lists_domain(std::string_view name) const { return !threat_domains_.find(name).empty(); }
  bool is_trusted(const IpAddress& ip, const IntelPlace& place) const {
    return any_holds(trusted_addresses_.find(ip), place);
  }
  bool is_trusted_domain(std::string_view name, const IntelPlace& place) const {
    return any_holds(trusted_domains_.find(name), place);
  }
  // Whether a threat list of the category has any IPv6 range: what is of no use need not be parsed.
  bool lists_v6(IntelCategory category) const { return v6_categories_[static_cast<std::size_t>(category)]; }
  // In a threat list, neither trust nor owners considered.
  bool listed(const IpAddress& ip) const {
    return ip.is_v4() ? listed_v4(ip.v4_value()) : !threat_addresses_.find(ip).empty();
  }

  // The rest does not look at owners.

  // Hits are ordered from the most specific entry to the widest, and valid as long as the index.
  std::span<const IntelHit> match(const IpAddress& ip) const {
    if (ip.is_v4()) return match_v4(ip.v4_value());
    return with_trust(threat_addresses_.find(ip), ip);
  }
  std::span<const IntelHit> match_v4(std::uint32_t ip) const {
    if (!listed_v4(ip)) return {};
    return with_trust(threat_addresses_.find_v4(ip), IpAddress::v4(ip));
  }
  // In a threat list, trust not considered: the one cheap probe that answers nearly every address.
  bool listed_v4(std::uint32_t ip) const {
    return threat_bitmap_.ready() ? threat_bitmap_.contains(ip) : !threat_addresses_.find_v4(ip).empty();
  }
  // For batches: call for all addresses first, then listed_v4 or match_v4 for each.
  void prefetch_v4(std::uint32_t ip) const {
    if (threat_bitmap_.ready()) threat_bitmap_.prefetch(ip);
  }

  // A name with or without its trailing dot, in any case.
  std::span<const IntelHit> match_domain(std::string_view name) const {
    const auto hits = threat_domains_.find(name);
    return hits.empty() || is_trusted_domain(name) ? std::span<const IntelHit>{} : hits;
  }
  // An access key id that a list calls leaked. Hardly any list has one: ask knows_access_keys() first.
  bool knows_access_keys() const { return !access_keys_.empty(); }
  std::span<const IntelHit> match_access_key(std::string_view id) const {
    const auto found = access_keys_.find(std::string(id));
    return found == access_keys_.end() ? std::span<const IntelHit>{} : std::span(&found->second, 1);
  }
  // 64 hexadecimal digits, in any case.
  std::span<const IntelHit> match_sha256(std::string_view hex) const;

  bool is_trusted(const IpAddress& ip) const { return !trusted_addresses_.find(ip).empty(); }
  bool is_trusted_domain(std::string_view name) const { return !trusted_domains_.find(name).empty(); }
  std::span<const IntelHit> trusted_by(const IpAddress& ip) const { return trusted_addresses_.find(ip); }
  std::span<const IntelHit> trusted_by_domain(std::string_view name) const {
    return trusted_domains_.find(name);
  }

  // What match would find if nothing were trusted.
  std::span<const IntelHit> silenced(const IpAddress& ip) const {
    return is_trusted(ip) ? threat_addresses_.find(ip) : std::span<const IntelHit>{};
  }
  std::span<const IntelHit> silenced_domain(std::string_view name) const {
    return is_trusted_domain(name) ? threat_domains_.find(name) : std::span<const IntelHit>{};
  }

  // What kind of address it is, of the categories that raise nothing; trust not considered.
  std::span<const IntelHit> described(const IpAddress& ip) const { return described_addresses_.find(ip); }

  const LookAlikes& look_alikes() const { return look_alikes_; }
  const IntelCounts& counts() const { return counts_; }
  std::span<const Indicator> indicators() const { return indicators_; }

  IntelIndex() = default;
  IntelIndex(const IntelIndex&) = delete;  // hits point into the index
  IntelIndex& operator=(const IntelIndex&) = delete;

 private:
  friend class IntelBuilder;

  struct HitSpan {
    std::uint32_t begin = 0, count = 0;
  };
  struct AddressSet {
    RangeMap ranges;  // to indexes of spans
    std::vector<HitSpan> spans;
    std::vector<IntelHit> hits;

    std::span<const IntelHit> at(std::uint32_t index) const {
      if (index == RangeMap::none) return {};
      return std::span(hits).subspan(spans[index].begin, spans[index].count);
    }
    std::span<const IntelHit> find(const IpAddress& ip) const { return at(ranges.find(ip)); }
    std::span<const IntelHit> find_v4(std::uint32_t ip) const { return at(ranges.find_v4(ip)); }
  };
  struct Hash {
    Sha256 digest;
    HitSpan span;
  };

  bool holds(const IntelHit& hit, const IntelPlace& place) const {
    const IntelScope* scope = scopes_[static_cast<std::size_t>(hit.indicator - indicators_.data())].get();
    return scope == nullptr ||
           (scope->region == place.region &&
            (!scope->accounts ||
             std::binary_search(scope->accounts->begin(), scope->accounts->end(), place.account)));
  }
  bool any_holds(std::span<const IntelHit> hits, const IntelPlace& place) const {
    return std::any_of(hits.begin(), hits.end(), [&](const IntelHit& hit) { return holds(hit, place); });
  }
  std::span<const IntelHit> holding(std::span<const IntelHit> hits, const IntelPlace& place,
                                    std::vector<IntelHit>& room) const;
  std::span<const IntelHit> with_trust(std::span<const IntelHit> hits, const IpAddress& ip) const {
    return hits.empty() || is_trusted(ip) ? std::span<const IntelHit>{} : hits;
  }

  std::vector<Indicator> indicators_;
  std::vector<std::shared_ptr<const IntelScope>> scopes_;  // by indicator; empty: holds everywhere
  std::vector<char> texts_;
  AddressSet threat_addresses_, trusted_addresses_, described_addresses_;
  V4Bitmap threat_bitmap_;
  std::bitset<static_cast<std::size_t>(intel_category_last) + 1> v6_categories_;
  DomainSet threat_domains_, trusted_domains_;
  LookAlikes look_alikes_;
  std::vector<Hash> hashes_;  // ascending
  std::vector<IntelHit> hash_hits_;
  std::unordered_map<std::string, IntelHit> access_keys_;  // the first list that names one tells of it
  IntelCounts counts_;
};

class IntelBuilder {
 public:
  using IndicatorId = std::uint32_t;

  // Registers what entries share; equal descriptions get one number.
  IndicatorId describe(const Indicator& indicator, std::shared_ptr<const IntelScope> scope = {});

  // Each add answers nothing when the entry was taken, else why not (a static text). Entries of a
  // description with `trusted` go to the trusted lists.
  std::optional<std::string_view> add_address(const IpPrefix& prefix, IndicatorId id);
  // `*.name` asks for DomainMatch::below whatever `match` says. A public suffix or shared host (co.uk,
  // github.io) matches only itself: `subdomains` becomes `exact`, and a wildcard is refused.
  std::optional<std::string_view> add_domain(std::string_view name, DomainMatch match, IndicatorId id);
  std::optional<std::string_view> add_sha256(std::string_view hex, IndicatorId id);
  std::optional<std::string_view> add_access_key(std::string_view key_id, IndicatorId id);

  // To take back what was added since, when a list turns out to be unusable half-way.
  struct Mark {
    std::size_t addresses = 0, domains = 0, hashes = 0, access_keys = 0;
  };
  Mark mark() const { return {addresses_.size(), domains_.size(), hashes_.size(), access_keys_.size()}; }
  void rollback(const Mark& mark);

  // The builder is empty afterwards.
  std::shared_ptr<const IntelIndex> build();

 private:
  struct Address {
    IpPrefix prefix;
    IndicatorId id;
  };
  struct Hash {
    Sha256 digest;
    IndicatorId id;
  };
  // As lists have them: of addresses_, then of hashes_.
  struct Texts {
    const std::vector<char>& bytes;
    std::vector<std::size_t> offsets;
    std::string_view at(std::size_t i) const {
      return {bytes.data() + offsets[i], offsets[i + 1] - offsets[i]};
    }
  };
  Texts keep_texts(IntelIndex& index);
  // The ranges of addresses whose indicators are `of` these; what those `beside` them say of a range is noted
  // with its hits. Answers how many addresses these are.
  std::size_t fill(const IntelIndex& index, IntelIndex::AddressSet& set,
                   const std::function<bool(IndicatorId)>& of, const std::function<bool(IndicatorId)>& beside,
                   const Texts& texts) const;
  void add_hits(const IntelIndex& index, std::span<const std::uint32_t> covering,
                const std::function<bool(IndicatorId)>& of, const Texts& texts,
                std::vector<IntelHit>& hits) const;
  void build_addresses(IntelIndex& index, const Texts& texts) const;
  void build_domains(IntelIndex& index);
  void build_hashes(IntelIndex& index, const Texts& texts) const;

  std::vector<Indicator> indicators_;
  std::vector<std::shared_ptr<const IntelScope>> scopes_;  // by indicator
  std::unordered_map<std::string, IndicatorId> ids_;       // by all fields of the description
  std::vector<Address> addresses_;
  std::vector<DomainItem> domains_;
  std::vector<Hash> hashes_;
  std::vector<std::pair<std::string, IndicatorId>> access_keys_;
};

}  // namespace picket
