// What a queried name says by itself, for the detectors that look at names: machines ask for the same ones
// again and again, so that it is remembered.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/evidence.h"

namespace picket::detectors {

// Six bytes, because very many are remembered.
struct NameLook {
  enum class Suffix : std::uint8_t { ordinary, dynamic_dns, often_abused };

  std::int16_t score = 0;  // models/dga_score.h, 1/256 bit
  // Of the registered domain in the name; no size: none, or of no interest.
  std::uint8_t begin = 0, size = 0;
  bool deep : 1 = false;    // more than "www" stands left of it
  bool sample : 1 = false;  // one registered domain in `sampled`, by its hash
  bool punycode : 1 = false;
  bool imitates : 1 = false;  // another domain (enrich/look_alikes.h)
  Suffix suffix = Suffix::ordinary;

  static constexpr std::uint64_t sampled = 8;

  std::string_view registered_in(std::string_view asked) const { return asked.substr(begin, size); }
};

// `asked` in any case, without trailing dot. Valid until the thread's next call.
const NameLook& look_at_name(std::string_view asked, const Context& context);

// A name that most machines in AWS ask for, or that is none of the Internet's. Asked of every query.
inline bool of_no_interest(std::string_view asked) {
  switch (asked.empty() ? '\0' : asked.back()) {
    case 'm':
      return asked.ends_with(".amazonaws.com");
    case 'l':
      return asked.ends_with(".internal") || asked.ends_with(".local");
    case 'a':
      return asked.ends_with(".arpa");
    default:
      return false;
  }
}

}  // namespace picket::detectors
