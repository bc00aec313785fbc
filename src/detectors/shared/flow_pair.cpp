#include "detectors/shared/flow_pair.h"

namespace picket::detectors {

void FlowPair::add(const FlowRecord& flow, const ProofRecord& proof) {
  const FlowStamp record{proof.time, proof.object, proof.position};
  if (records_++ == 0) {
    interface_ = flow.interface_id;
    last_ = record;
  }
  if (records_ == 1 || record < first_) {
    first_ = record;
    source_ = flow.srcaddr;
    destination_ = flow.dstaddr;
    source_port_ = flow.srcport;
    destination_port_ = flow.dstport;
    protocol_ = flow.protocol;
    rejected_ = flow.action == FlowAction::reject;
  }
  if (last_ < record) last_ = record;
}

void FlowPair::merge(const FlowPair& other) {
  if (other.records_ == 0) return;
  if (records_ == 0) {
    *this = other;
    return;
  }
  const FlowStamp last = last_ < other.last_ ? other.last_ : last_;
  const std::uint64_t records = records_ + other.records_;
  if (other.first_ < first_) *this = other;
  last_ = last;
  records_ = records;
}

std::optional<IpAddress> FlowPair::local(const Judging& judging) const {
  const auto known = judging.facts.local_address(interface_.view(), first_.time);
  if (known && (*known == source_ || *known == destination_)) return known;
  if (source_.is_public() == destination_.is_public()) return std::nullopt;
  return source_.is_public() ? destination_ : source_;
}

Subject FlowPair::subject(const IpAddress& local, Direction direction) const {
  const bool outward = local == source_;
  Subject subject;
  subject.resource = ResourceKind::instance;
  subject.action = ActionKind::network_connection;
  subject.remote_ip = outward ? destination_ : source_;
  InstanceSubject instance;
  instance.interface_id = interface_.view();
  instance.local_ip = local;
  subject.instance = std::move(instance);
  subject.connection = NetworkConnection{.direction = direction,
                                         .protocol = protocol_,
                                         .local_port = outward ? source_port_ : destination_port_,
                                         .remote_port = outward ? destination_port_ : source_port_,
                                         .blocked = rejected_};
  return subject;
}

}  // namespace picket::detectors
