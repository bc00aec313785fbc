// Reads indicator lists in the formats GuardDuty takes, in plain CSV and STIX 2, and Tor's relays as the Tor
// project publishes them. What cannot be used of a
// list is counted by reason with the place it was first seen, and the rest is read; only a document that is
// no such document at all (not well-formed XML or JSON, over its cap) is an error.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "enrich/intel_hit.h"

namespace picket {

enum class IntelFormat : std::uint8_t {
  txt,
  csv,
  stix1,
  stix2,
  otx_csv,
  alien_vault,
  proof_point,
  fire_eye,
  tor_consensus,  // a network status consensus, either flavour
  onionoo         // relay details of the Tor project's Onionoo service
};
constexpr IntelFormat intel_format_last = IntelFormat::onionoo;

std::string_view to_string(
    IntelFormat format);  // "TXT", "OTX_CSV", …: GuardDuty's names, and CSV, STIX1, STIX2
// GuardDuty's names in any case; "STIX" and an empty name give no format: the content tells it or its
// version.
Result<std::optional<IntelFormat>> parse_intel_format(std::string_view name);
IntelFormat guess_intel_format(std::string_view content);

struct ListEntry {
  enum class Kind : std::uint8_t { address, domain, sha256, access_key };
  Kind kind = Kind::address;
  IpPrefix prefix;     // of an address
  std::string text;    // a domain (may begin with "*."), the digits of a hash, or an access key id
  std::string threat;  // name, family or description the list gives; may be empty
  std::optional<TimeMs> first_seen, last_seen;
  // A CSV column "category" with one of our names, ThreatFox's "threat_type", a Tor relay's flags.
  std::optional<IntelCategory> category;
  std::optional<std::uint8_t> confidence;  // a CSV column "confidence" or "confidence_level"
};

struct ListOptions {
  std::optional<IntelFormat> format;  // guessed when left out
  bool domains = true;
  bool hashes = true;
  bool ipv6 = true;
  bool public_only = false;  // set private and reserved addresses aside
  std::size_t bytes_max = std::numeric_limits<std::size_t>::max();
  std::size_t entries_max = std::numeric_limits<std::size_t>::max();
};

struct SetAside {
  std::string reason;
  std::size_t count = 0;
  std::size_t first_line = 0;  // from 1; in STIX 2 the number of the object
  std::string example;         // cut to 80 bytes
};

struct ListReport {
  IntelFormat format = IntelFormat::txt;
  std::size_t entries = 0;          // taken
  std::vector<SetAside> set_aside;  // in the order first seen
  std::size_t set_aside_total() const;
};

// Called once per entry; answers why it will not take it, or nothing. The reason must be static text.
using ListSink = std::function<std::optional<std::string_view>(const ListEntry&)>;

// Fails without having called the sink when the document cannot be read, and in the middle when it holds more
// entries than options.entries_max.
Result<ListReport> parse_intel_list(std::string_view content, const ListOptions& options,
                                    const ListSink& sink);

// The fewest prefixes that cover exactly the addresses from first to last; both IPv4 or both IPv6, ascending.
std::vector<IpPrefix> prefixes_of_range(const IpAddress& first, const IpAddress& last);

}  // namespace picket
