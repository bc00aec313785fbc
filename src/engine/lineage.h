// Which access key came from which identity: STS and IAM issue keys, and a call signed by one is the act of
// whoever asked for it, over any number of roles and accounts. Learning is commutative; look-ups are as of
// an event time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/flat_map.h"
#include "base/shared.h"
#include "base/time.h"
#include "event/cloudtrail_event.h"
#include "event/principal.h"
#include "event/record_id.h"
#include "finding/subject.h"

namespace picket {

// Text of a string member, when it needs no unescaping: a search of the text that no value can deceive, since
// a quotation mark within a value is escaped. Empty when there is none.
std::string_view plain_member(std::string_view json, std::string_view name);

// Who did something.
struct Identity {
  AccessKeySubject who;
  std::string workload;  // principal_of(event).workload
  // What sequences are told by: the principal, apart for every workload of a role.
  std::string id() const { return workload.empty() ? who.principal_key : who.principal_key + '#' + workload; }
  template <class Ar>
  void io(Ar& ar) {
    ar(who, workload);
  }
};
Identity identity_of(const CloudTrailEvent& event, const Principal& principal);

// That a key was issued, and to whom.
struct Issue {
  TimeMs time = 0, until = 0;  // `until`: what is done with it later has nothing to do with who asked
  RecordId event_id;
  Shared<Identity> by;
  template <class Ar>
  void io(Ar& ar) {
    ar(time, until, event_id, by);
    if constexpr (Ar::reading) {
      if (!by) ar.fail();
    }
  }
};

struct IssuedKey {
  std::string key;
  Issue issue;
};

// Those of one worker's records.
class IssuedKeys {
 public:
  // Of one of Lineage::issuing_calls. Nothing when no key was issued, or to a service of AWS, whose roles
  // speak for themselves.
  void add(const CloudTrailEvent& event, Caller& caller);
  std::vector<IssuedKey> take();

 private:
  std::vector<IssuedKey> keys_;
  FlatMap<std::uint64_t, Shared<Identity>> known_;  // by hash: whoever asks for keys asks for many
};

class Lineage {
 public:
  static std::span<const std::pair<std::string_view, std::string_view>> issuing_calls();
  void learn(IssuedKey issued);
  // The identity that `identity` acted for at `time`; itself when its key was not seen to be issued. The
  // answer lives as long as `identity` and until the next key is learned or forgotten.
  const Identity& root_of(const Identity& identity, TimeMs time) const;
  // At the end of an epoch: keys that nobody can use any more, and the oldest beyond the budget, counted.
  std::uint64_t forget(TimeMs watermark);
  std::size_t size() const { return keys_.size(); }

  template <class Ar>
  void io(Ar& ar) {
    ar(keys_, names_);
  }

 private:
  static constexpr std::size_t keys_max = 200'000;  // about 40 MB, and 100 after a restart

  NodeMap<std::string, Issue> keys_;
  // Unique id ("AIDA…", "AROA…:session") -> since when it is known whose it is: a foreign account's record
  // names the caller by it alone.
  struct Named {
    TimeMs since = 0;
    Shared<Identity> of;
    template <class Ar>
    void io(Ar& ar) {
      ar(since, of);
      if constexpr (Ar::reading) {
        if (!of) ar.fail();
      }
    }
  };
  NodeMap<std::string, Named> names_;
};

}  // namespace picket
