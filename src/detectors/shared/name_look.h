// What a queried name says by itself, for the detectors that look at names: machines ask for the same ones
// again and again, so that it is remembered.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/evidence.h"

namespace picket::detectors {

struct NameLook {
  std::uint16_t begin = 0,
                size = 0;  // of the registered domain in the name; no size: none, or of no interest
  std::int16_t score = 0;  // models/dga_score.h, 1/256 bit
  bool deep = false;       // more than "www" stands left of it
  bool sample = false;     // one registered domain in `sampled`, by its hash
  bool punycode = false;
  bool imitates = false;  // another domain (enrich/look_alikes.h)
  enum class Suffix : std::uint8_t { ordinary, dynamic_dns, often_abused } suffix = Suffix::ordinary;

  static constexpr std::uint64_t sampled = 8;

  std::string_view registered_in(std::string_view asked) const { return asked.substr(begin, size); }
};

// `asked` in any case, without trailing dot. Valid until the thread's next call.
const NameLook& look_at_name(std::string_view asked, const Context& context);

// A name that most machines in AWS ask for, or that is none of the Internet's.
bool of_no_interest(std::string_view asked);

}  // namespace picket::detectors
