// What users' rules hit in an epoch, on one worker, by finding. A noisy rule hits most records, but only the
// newest one's details can be told in the end; of the others stays what is counted and proven. So a call is
// kept as it is, and told when the epoch ends. And records of one issue are mostly hit by the same rules, so
// that a record is put down once, not once a rule.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "decode/decoder.h"
#include "engine/aggregate.h"
#include "engine/duplicates.h"
#include "engine/evidence.h"
#include "engine/record_matcher.h"
#include "event/kept_call.h"
#include "finding/subject.h"

namespace picket {

struct RuleHits {
  struct Record {
    ProofRecord proof;
    std::uint32_t object_index = 0;
    std::uint64_t position = 0;  // in the object
  };
  // Records of an issue that the same rules hit; a rule may be of several groups of an issue.
  struct Group {
    std::uint32_t newest = 0;                // of `records`
    std::shared_ptr<const KeptCall> call;    // the newest; of other logs than CloudTrail none
    std::shared_ptr<const Subject> subject;  // of the newest; of a call once it is told
    std::vector<Evidence> evidence{};        // by rule of the list; of calls none
    std::vector<std::uint32_t> records{};
  };
  std::vector<Record> records;
  std::vector<std::vector<RuleHit>> lists;  // of rules that hit a record together
  struct TextHash {
    using is_transparent = void;
    using is_avalanching = void;
    std::size_t operator()(std::string_view text) const { return hash64(text); }
  };
  // Numbered as they come.
  using Numbers = boost::unordered_flat_map<std::string, std::uint32_t, TextHash, std::equal_to<>>;
  Numbers issues, list_of;                                 // lists by their detectors
  boost::unordered_flat_map<std::uint64_t, Group> groups;  // by numbers of list and issue

  // The group of a record that was put down already. `hits` are not empty.
  Group& group_of(std::span<const RuleHit> hits, std::uint32_t issue);
  // Puts the record, the last of `records`, to the group; whether it is the newest there.
  bool add(Group& group);

 private:
  std::string detectors_;  // of the hits at hand
};

// What a rule hit of an issue, for the aggregator.
struct ToldHits {
  Detection newest;
  Activity activity;                // count 0: nothing but copies
  std::vector<ProofRecord> copies;  // of records that were delivered before
};
// Tells `take` of each rule and issue. `info_of` is that of an object of the epoch, `duplicates` its copies.
void tell_hits(RuleHits& hits, const RecordMatcher& rules, std::span<const Detector* const> detectors,
               const std::function<const ObjectInfo&(std::uint32_t object_index)>& info_of,
               const Duplicates& duplicates, const std::function<void(ToldHits)>& take);

}  // namespace picket
