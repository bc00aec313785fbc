#include "detectors/shared/dns_host.h"

namespace picket::detectors {

void DnsHost::add(const DnsQuery& query, const ProofRecord& record) {
  const FlowStamp stamp{record.time, record.object, record.position};
  if (records_ == 0 || stamp < first_) {
    first_ = stamp;
    instance_ = query.instance;
    interface_ = query.resolver_network_interface;
    vpc_ = query.vpc_id;
    region_ = query.region;
    transport_ = query.transport;
    local_ip_ = query.srcaddr;
  }
  if (records_ == 0 || last_ < stamp) last_ = stamp;
  ++records_;
}

void DnsHost::merge(const DnsHost& other) {
  if (other.records_ == 0) return;
  const std::uint64_t records = records_ + other.records_;
  const FlowStamp last = records_ == 0 ? other.last_ : std::max(last_, other.last_);
  if (records_ == 0 || other.first_ < first_) *this = other;
  records_ = records;
  last_ = last;
}

Subject DnsHost::subject(std::string_view domain) const {
  Subject subject;
  subject.region = region_.view();
  subject.resource = ResourceKind::instance;
  subject.action = ActionKind::dns_request;
  subject.instance = InstanceSubject{
      std::string(instance_.view()), std::string(interface_.view()), std::string(vpc_.view()), {}, local_ip_};
  subject.dns = DnsRequest{std::string(domain), std::string(transport_.view()), false};
  return subject;
}

}  // namespace picket::detectors
