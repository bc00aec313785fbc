// Behaviours of one worker: out of all records those that may tell something new. What principals do, they do
// again and again; of a behaviour and day only a record earlier than all before it goes on to the learner.
// That saves work and changes nothing: the learner keeps the earliest record too.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "engine/evidence.h"
#include "engine/learned.h"
#include "event/audit_event.h"
#include "event/cloudtrail_event.h"
#include "event/principal.h"
#include "state/entities.h"

namespace picket {

// "aws-cli/2 on linux", "browser on windows": what of a user agent stays the same over updates and commands.
std::string client_of(std::string_view user_agent);
// GuardDuty's classes of errors: "success", "access denied", …
std::string_view error_class(const CloudTrailEvent& event);
// Principals that may be expected to do alike: a permission set's users, roles of like name over accounts,
// the users of an account.
std::string peers_of(const CloudTrailEvent& event);
// What an address's text has in common with its neighbours': its network where geography does not tell.
std::string neighbourhood_of(const IpAddress& ip);
// An API on S3 objects, or on who may reach them.
bool is_object_api(std::string_view api);

// What a record was counted by, so that it can be taken back should it be a copy.
struct TallyMark {
  std::uint32_t position = 0;  // in its object
  std::uint32_t tally = 0;     // of the worker's
  std::int32_t hour = 0;       // since 1970
};

class Behaviours {
 public:
  // Until the next call records are counted too, and `marks` are of the object they are in; nullptr: they are
  // not.
  void count_in(std::vector<TallyMark>* marks, std::uint64_t records_before) {
    marks_ = marks;
    records_before_ = records_before;
  }
  // `object` and `position`: where the record is.
  void add(const CloudTrailEvent& event, Caller& caller, const CallAim& aim, std::uint64_t object,
           std::uint64_t position);
  // Of a cluster. `classify` says which of its detector's types a request may be; null: none.
  using Classify = std::optional<Evidence> (*)(const AuditEvent&, const Context&);
  void add(const AuditEvent& event, std::uint64_t object, std::uint64_t position, const Context& context,
           Classify classify);
  // Those that came since the last call: of AWS's API, and of clusters.
  struct Taken {
    std::vector<PackedBehaviour> calls, requests;
  };
  Taken take();
  // What was counted since the last clear().
  std::vector<CallTally>& tallies() { return tallies_; }
  void clear() { tallies_.clear(); }

 private:
  // A call as it stands in records.
  struct Call {
    TimeMs earliest = std::numeric_limits<TimeMs>::max();  // of the records that were sent
    std::uint32_t batch = 0, tally = 0;                    // of `tallies_`, while it is of this batch
  };
  // Whether a record of this time may tell something new of what has this hash.
  static bool is_new(Call& call, TimeMs time);
  void begin_tally(Call& call, CallTally tally);
  void count(const Call& call, TimeMs time, std::uint64_t position);
  // Passes on what the tuple tells apart, unless an earlier record of it went before; `fill` adds the rest.
  template <class Fill>
  void send(std::vector<PackedBehaviour>& fresh, Behaviour& made, Fill fill);
  struct Hashed {
    using is_avalanching = void;
    std::size_t operator()(std::uint64_t hash) const { return hash; }
  };
  struct Sent {
    TimeMs earliest = 0;
    std::uint32_t batch = 0, index = 0;  // of those that are fresh, while it is of this batch
  };
  boost::unordered_flat_map<std::uint64_t, Call, Hashed> calls_;
  boost::unordered_flat_map<std::uint64_t, Sent, Hashed> sent_;
  Taken fresh_;
  std::vector<CallTally> tallies_;
  std::vector<TallyMark>* marks_ = nullptr;
  std::uint64_t records_before_ = 0;
  std::uint32_t batch_ = 1;
};

}  // namespace picket
