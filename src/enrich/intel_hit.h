// What an indicator list says about an entry, and the small values shared by the tables that hold entries.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace picket {

// What a listed address, name or file is known for; decides which finding types it can raise.
enum class IntelCategory : std::uint8_t {
  custom,  // the user's own list: the `.Custom` types
  malicious,
  c2,
  mining,
  tor_exit,
  tor_relay,  // guards and directory authorities, what a Tor client connects to
  scanner,
  phishing,
  drop_point,
  sinkhole,  // also black holes
  drive_by,
  anonymous_proxy,
  malware,
  dga,
  // Judged by reputation only.
  abused_domain,
  malicious_domain,
  suspicious_domain,
  mining_domain,
  // What an address is, not what it did: these raise nothing.
  shared,        // of many strangers (content delivery networks): lowers what other lists say of it
  dns_resolver,  // public resolvers, DNS over HTTPS or TLS
  own_domain,    // domains of the organisation, which others may imitate (enrich/look_alikes.h)
};

constexpr IntelCategory intel_category_last = IntelCategory::own_domain;

constexpr bool only_describes(IntelCategory category) { return category >= IntelCategory::shared; }

std::string_view to_string(IntelCategory category);  // the enumerator's name
std::optional<IntelCategory> parse_intel_category(std::string_view name);

struct Indicator {
  IntelCategory category = IntelCategory::custom;
  bool trusted = false;
  std::string list;    // name of the list, as findings show it (threatListName)
  std::string source;  // where the list comes from
  std::string threat;  // threat name or malware family; empty when the list does not say
  // Addresses are recycled: outside this span a hit tells of the past.
  std::optional<TimeMs> first_seen, last_seen;
  std::optional<std::uint8_t> confidence;  // of the list in this entry, 0 to 100
  std::optional<TimeMs> as_of;             // when the list was drawn up or fetched

  bool operator==(const Indicator&) const = default;
};

struct IntelHit {
  const Indicator* indicator = nullptr;
  std::string_view
      entry;  // as listed, normalised: "192.0.2.7", "192.0.2.0/24", "evil.example", "*.evil.example"
  bool shared = false;   // an address that many strangers use
  bool scanner = false;  // an address of a known scanner, which other lists may have met as an attacker
};

enum class DomainMatch : std::uint8_t {
  exact,
  subdomains,  // the name itself and all below it
  below,       // only below it: `*.name`
};

using Sha256 = std::array<std::uint8_t, 32>;

}  // namespace picket
