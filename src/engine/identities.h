// Which records were seen before: one set of 64-bit identities per hour of event time, dropped when the
// watermark has passed it. Within an epoch the first object of the input log keeps the record.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <map>
#include <vector>

#include "base/archive.h"
#include "engine/object_run.h"

namespace picket {

struct IdentityHash {
  using is_avalanching = void;
  std::size_t operator()(std::uint64_t id) const { return id; }
};

// One shard of identities; shards are independent, so each may be filled by another thread.
class IdentityShard {
 public:
  // Takes in the identities of one object, in the order of the input log; positions of records seen before
  // are appended to `duplicates`.
  void add(const std::vector<RecordIdentity>& identities, std::vector<std::uint64_t>& duplicates);
  // Forgets hours that ended at or before `time`.
  void forget(TimeMs time);
  // Forgets oldest hours until at most `ids_max` are left; answers how many were forgotten before their time.
  std::uint64_t evict(std::size_t ids_max);
  std::size_t size() const;
  void save(Writer& out) const;
  void load(Reader& in);

 private:
  std::map<std::int32_t, boost::unordered_flat_set<std::uint64_t, IdentityHash>> hours_;
};

}  // namespace picket
