// Who asked, as the windows over Resolver queries keep it: small, because there is one per host and window.
#pragma once

#include "base/hash.h"
#include "detectors/shared/flow_pair.h"
#include "engine/window.h"

namespace picket::detectors {

class DnsHost {
 public:
  // Instance, else interface, else address in its VPC; of one account.
  static std::uint64_t entity(const DnsQuery& query) {
    const std::uint64_t account = hash64(query.account_id);
    if (!query.instance.empty()) return hash64(query.instance, account);
    if (!query.resolver_network_interface.empty()) return hash64(query.resolver_network_interface, account);
    const std::uint64_t vpc = hash64(query.vpc_id, account);
    return query.srcaddr ? hash_mix(hash_mix(vpc, query.srcaddr->high()), query.srcaddr->low()) : vpc;
  }

  // Describes the host as its earliest record does.
  void add(const DnsQuery& query, const ProofRecord& record);
  void merge(const DnsHost& other);

  Subject subject(std::string_view domain) const;
  std::uint64_t records() const { return records_; }
  ProofRecord first() const { return first_.proof(); }
  ProofRecord last() const { return last_.proof(); }

  template <class Ar>
  void io(Ar& ar) {
    ar(instance_, interface_, vpc_, region_, transport_, local_ip_, records_, first_, last_);
  }

 private:
  ShortText instance_, interface_, vpc_, region_, transport_;
  std::optional<IpAddress> local_ip_;
  std::uint64_t records_ = 0;
  FlowStamp first_, last_;
};

}  // namespace picket::detectors
