// What a queried name says by itself, for the engine and the detectors that look at names: machines ask for
// the same ones again and again, so that it is looked up once a query, and remembered.
#pragma once

#include <cstdint>
#include <string_view>

namespace picket {

class IntelIndex;

// Eight bytes, because very many are remembered.
struct NameLook {
  enum class Suffix : std::uint8_t { ordinary, dynamic_dns, often_abused };

  std::int16_t score = 0;  // models/dga_score.h, 1/256 bit
  // Of the registered domain in the name; no size: none, or of no interest.
  std::uint8_t begin = 0, size = 0;
  bool listed : 1 = false;  // a threat list has it, trust and owners not considered
  // What most machines in AWS ask for, or none of the Internet's. Looked at only where a list has it.
  bool infrastructure : 1 = false;
  bool deep : 1 = false;    // more than "www" stands left of it
  bool sample : 1 = false;  // one registered domain in `sampled`, by its hash
  bool punycode : 1 = false;
  bool imitates : 1 = false;  // another domain (enrich/look_alikes.h)
  Suffix suffix = Suffix::ordinary;

  static constexpr std::uint64_t sampled = 8;

  std::string_view registered_in(std::string_view asked) const { return asked.substr(begin, size); }
};

// A queried name, in any case.
struct AskedName {
  std::string_view text;  // without trailing dot
  std::uint64_t hash = 0;
};

// In two steps, because what is remembered lies far from the processor: the first sends for it, and other
// things can be done before the second. Both are for one `intel`, and of one thread; the look is valid until
// the thread's next.
AskedName asked_name(std::string_view query_name, const IntelIndex& intel);
const NameLook& look_at(const AskedName& name, const IntelIndex& intel);

}  // namespace picket
