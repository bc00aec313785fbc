// Names with their hits: finds the most specific listed name at or above a queried one. Labels are hashed
// from right to left; a Bloom filter answers most suffixes that are not listed, a table of 64-bit
// fingerprints the rest, and the text is compared on a hit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "enrich/intel_hit.h"

namespace picket {

// Lower case, without trailing dot. Nothing unless it is a host name of two or more labels (letters, digits,
// '-' and '_'; 63 bytes a label, 253 in all) whose last label is no number. Names in Unicode must be given as
// xn--.
std::optional<std::string> normalise_domain(std::string_view text);

// A public suffix (PSL, its private section included) or another host under which strangers get names.
bool is_shared_suffix(const std::string& normalised);

struct DomainItem {
  std::string name;  // normalised
  DomainMatch match = DomainMatch::exact;
  std::uint32_t indicator = 0;
};

class DomainSet {
 public:
  DomainSet() = default;
  // Items name their indicator by its place in `indicators`, which must outlive the set.
  DomainSet(std::vector<DomainItem> items, std::span<const Indicator> indicators);
  DomainSet(DomainSet&&) = default;
  DomainSet& operator=(DomainSet&&) = default;

  // Any case, with or without trailing dot. Hits of wider names that hold this one come after its own.
  std::span<const IntelHit> find(std::string_view name) const;
  std::size_t size() const { return names_.size(); }
  std::size_t bytes() const;

 private:
  // The hits of a name lie in one row: those for names below only, for both, for the name itself only. So
  // what holds for the name and what holds below it are each one span.
  struct Name {
    std::uint32_t text = 0;  // offset
    std::uint8_t length = 0;
    std::uint32_t hits = 0;  // offset
    std::uint16_t below_only = 0, both = 0, itself_only = 0;
  };
  struct Slot {
    std::uint64_t fingerprint = 0;
    std::uint32_t name = 0;  // 1 + index; 0 is a free slot
  };

  void insert(std::uint64_t fingerprint, std::uint32_t name);
  const Name* lookup(std::uint64_t fingerprint, std::string_view suffix) const;

  std::vector<Name> names_;
  std::vector<char> texts_;
  std::vector<IntelHit> hits_;
  std::vector<Slot> slots_;            // open addressing; size is a power of two, at most half full
  std::vector<std::uint64_t> filter_;  // Bloom, three bits of one word per name
  unsigned slot_shift_ = 0, filter_shift_ = 0;
};

}  // namespace picket
