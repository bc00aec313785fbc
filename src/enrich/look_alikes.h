// Registered domains that imitate another: of the organisation (lists of category own_domain), of AWS, and of
// providers of identities (data/intel/imitated.csv).
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace picket {

struct LookAlike {
  std::string_view imitated;  // a domain, valid as long as the LookAlikes
  enum class How : std::uint8_t {
    same_look,   // letters and digits that look alike: 0kta, rnicrosoft, a Cyrillic letter
    one_letter,  // one letter more, less, other, or two swapped
    with_word    // the name beside a word that invites to sign in: okta-login
  } how;
};
std::string_view text_of(LookAlike::How how);

class LookAlikes {
 public:
  // `own`: domains of the organisation, lower case.
  explicit LookAlikes(std::span<const std::string> own = {});

  // What `registered` (lower case, as asked: punycode for other letters) imitates. Nothing for the
  // organisation's own domains, for those that the imitated are known to have, and for the imitated name
  // under another suffix.
  std::optional<LookAlike> of(std::string_view registered) const;
  // Differs for every object of the process.
  std::uint64_t generation() const { return generation_; }

 private:
  void add(std::string_view label, std::string_view domain);
  std::optional<std::uint32_t> named(std::string_view label) const;

  struct Imitated {
    std::string label, domain;
  };
  using ByHash = boost::unordered_flat_map<std::uint64_t, std::uint32_t>;
  std::vector<Imitated> imitated_;
  boost::unordered_flat_set<std::uint64_t> genuine_;  // hashes of domains
  ByHash by_look_;                                    // of skeletons
  ByHash by_label_;                                   // as it is
  // Of the label, and of it with each letter left out: all that have it.
  boost::unordered_flat_map<std::uint64_t, std::vector<std::uint32_t>> by_edit_;
  std::uint64_t generation_ = 0;
};

// The Unicode characters of a label that begins with "xn--"; nothing when it is none, or no punycode.
std::optional<std::u32string> decode_punycode(std::string_view label);

}  // namespace picket
