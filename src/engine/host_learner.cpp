#include "engine/host_learner.h"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>

#include "engine/detector.h"
#include "engine/flow_sides.h"
#include "engine/partition.h"
#include "state/public_resolvers.h"

namespace picket {

namespace {

constexpr std::uint8_t tcp = 6, udp = 17;
constexpr std::uint16_t ntp = 123;
// Of one connection in one aggregation interval; what is more is a transfer.
constexpr std::uint64_t contact_bytes_max = 16U << 10;

TalkKind kind_of(const FlowRecord& flow) {
  switch (flow.dstport) {
    case 25:
      return flow.protocol == tcp ? TalkKind::mail : TalkKind::service;
    case 53:
      return TalkKind::dns;
    case 853:
      return TalkKind::dns_over_tls;  // and over QUIC
    case 443:
      return serves_dns_over_https(flow.dstaddr) ? TalkKind::dns_over_https : TalkKind::presence;
    case 80:
    case ntp:
      return TalkKind::presence;
    default:
      return TalkKind::service;
  }
}

// A host's neighbours share its subnet. Its size no flow record tells: those of a default VPC are /20.
std::uint64_t subnet_of(const IpAddress& ip) { return ip.is_v4() ? ip.v4_value() >> 12U : ip.high(); }

Talk talk_of(const FlowRecord& flow, bool client, TalkKind kind, const FlowStamp& stamp) {
  Talk talk;
  talk.remote = client ? flow.dstaddr : flow.srcaddr;
  talk.local_port = client ? flow.srcport : flow.dstport;
  talk.remote_port = client ? flow.dstport : flow.srcport;
  talk.protocol = flow.protocol;
  talk.kind = kind;
  const TimeMs within = ((stamp.time % day_ms) + day_ms) % day_ms;
  talk.hours = 1U << static_cast<unsigned>(within / hour_ms);
  talk.records = 1;
  talk.packets = flow.packets;
  (client ? talk.bytes_out : talk.bytes_in) = flow.bytes;
  talk.first = talk.last = stamp;
  return talk;
}

// What is told of a host day after day becomes its habit in the end: somebody knows by then.
constexpr unsigned suspected_days_max = 7;

void add_contact(Contact& contact, const FlowRecord& flow, const FlowStamp& stamp) {
  if (contact.records == 0 || stamp < contact.first) {
    contact.first = stamp;
    contact.remote = flow.dstaddr;
    contact.local_port = flow.srcport;
    contact.remote_port = flow.dstport;
    contact.protocol = flow.protocol;
  }
  contact.last = std::max(contact.last, stamp);
  ++contact.records;
  contact.bytes += flow.bytes;
  contact.client_ports |= std::uint64_t{1} << (hash_mix(flow.srcport, 1) >> 58U);
  const TimeMs within = ((stamp.time % day_ms) + day_ms) % day_ms;
  contact.minutes.add(static_cast<std::uint16_t>(within / minute_ms));
}

std::int32_t day_of(TimeMs time) {
  return static_cast<std::int32_t>(time / day_ms - (time % day_ms < 0 ? 1 : 0));
}

// What a detector tells of one host's day.
class DayEmit final : public Emit {
 public:
  DayEmit(std::span<const Detector* const> detectors, std::uint16_t detector, const HostDay& day,
          std::vector<std::pair<std::uint64_t, Detection>>& out)
      : detectors_(detectors), detector_(detector), day_(day), out_(out) {}

  void detection(Evidence evidence, Subject subject, std::uint64_t records, const ProofRecord& first,
                 const ProofRecord& last) override {
    subject.account = day_.account;
    subject.region = day_.region;
    Detection made = detection_of(detectors_, detector_, std::move(evidence), std::move(subject), first, {});
    made.count = records;
    made.last = last;
    const std::uint64_t window =
        hash_mix(hash_mix(day_.host, static_cast<std::uint64_t>(day_.day)),
                 hash64(made.issue, hash64(detectors_[detector_]->types[made.type].name)));
    out_.emplace_back(window, std::move(made));
  }

 private:
  std::span<const Detector* const> detectors_;
  const std::uint16_t detector_;
  const HostDay& day_;
  std::vector<std::pair<std::uint64_t, Detection>>& out_;
};

}  // namespace

bool HostDayTable::take(const FlowRecord& flow, const Source& source) {
  if (flow.action != FlowAction::accept || (flow.protocol != tcp && flow.protocol != udp)) return false;
  const std::optional<bool> opened = opened_by_source(flow);
  if (!opened) return false;
  const bool client = *opened;
  const bool bulk = flow.bytes >= bulk_record_bytes_min;
  if (!client && !bulk) return false;
  const IpAddress& local = client ? flow.srcaddr : flow.dstaddr;
  const IpAddress& remote = client ? flow.dstaddr : flow.srcaddr;
  if (local.is_public() || !remote.is_public()) return false;

  const TimeMs time = flow.start_ms();
  const std::uint64_t host = hash_mix(hash64(flow.interface_id), HostDay::address_hash(local));
  Kept& kept = days_[{host, day_of(time)}];
  const bool first = kept.object != source.object;
  kept.object = source.object;
  if (!kept.day) {
    kept.day = std::make_unique<HostDay>();
    kept.day->host = host;
    kept.day->day = day_of(time);
    kept.day->account = flow.account_id.empty() ? source.account : flow.account_id;
    kept.day->region = source.region;
    kept.day->everyone = hash64(kept.day->account, hash64(kept.day->region));
    kept.day->neighbours = hash_mix(kept.day->everyone, subnet_of(local));
    kept.day->interface = flow.interface_id;
    kept.day->local = local;
  }
  HostDay& day = *kept.day;
  const std::uint64_t address = HostDay::address_hash(remote);
  const FlowStamp stamp{time, source.object, source.records_before + flow.position};
  if (bulk) day.bulk.add(address, talk_of(flow, client, TalkKind::presence, stamp));
  if (!client) return first;
  const TimeMs within = ((time % day_ms) + day_ms) % day_ms;
  ++day.hours[static_cast<std::size_t>(within / hour_ms)];
  const TalkKind kind = kind_of(flow);
  switch (kind) {
    case TalkKind::presence:
      break;
    case TalkKind::service:
      if (exchanged(flow)) {
        day.services.add(HostDay::service_hash(flow.protocol, flow.dstport),
                         talk_of(flow, client, kind, stamp));
      }
      break;
    case TalkKind::mail:
      day.mail.add(address, talk_of(flow, client, kind, stamp));
      return first;
    case TalkKind::dns:
    case TalkKind::dns_over_tls:
    case TalkKind::dns_over_https:
      if (kind == TalkKind::dns || exchanged(flow)) {
        day.resolvers.add(hash_mix(address, static_cast<std::uint64_t>(kind)),
                          talk_of(flow, client, kind, stamp));
      }
      return first;
  }
  // A beacon says something, and little.
  if (flow.dstport == ntp || flow.bytes > contact_bytes_max || !exchanged(flow)) return first;
  if (Contact* contact = day.contacts.find_or_begin(address)) add_contact(*contact, flow, stamp);
  return first;
}

HostLearner::HostLearner(std::span<const Detector* const> detectors) : detectors_(detectors) {
  for (std::size_t i = 0; i < detectors.size(); ++i) {
    if (detectors[i]->logic.host_day != nullptr) judges_.push_back(static_cast<std::uint16_t>(i));
  }
}

void HostLearner::add(HostDayTable& table) {
  for (auto& [key, kept] : table.days_) {
    Open& open = open_[key.day][key.host];
    if (open.day) {
      open.day->merge(*kept.day);
    } else {
      open.day = std::move(kept.day);
    }
    const std::size_t bytes = open.day->bytes() + sizeof(Open);
    bytes_ += bytes - open.bytes;
    open.bytes = static_cast<std::uint32_t>(bytes);
    open.touched = open.untold = true;
  }
  table.clear();
}

PartitionOutput HostLearner::turn(TimeMs watermark, const Facts& facts) {
  PartitionOutput out;
  for (auto at = open_.begin(); at != open_.end();) {
    auto& [day, hosts] = *at;
    const TimeMs end = (TimeMs{day} + 1) * day_ms;
    const bool over = end <= watermark;
    // All of them first: whether others do the same today is part of the judgement. What was counted while
    // the day was open may not hold in the end, so that it is counted anew.
    if (over) norms_.close(day);
    for (const auto& [host, open] : hosts) {
      if (open.touched || over) note(*open.day, facts);
    }
    for (auto& [host, open] : hosts) {
      if (open.touched || over) judge(open, facts, out);
    }
    if (!over) {
      ++at;
      continue;
    }
    learn(day, hosts, facts);
    norms_.close(day);
    for (const auto& [host, open] : hosts) {
      for (const std::uint64_t window : open.told) out.settled.emplace_back(window, end);
      bytes_ -= open.bytes;
    }
    at = open_.erase(at);
  }
  evict(out);
  evicted_.norms += norms_.evict();
  return out;
}

// Counts the host among those that do the same today.
void HostLearner::note(const HostDay& day, const Facts& facts) {
  const auto among = [&](HostTrait kind, std::uint64_t thing) {
    for (const std::uint64_t scope : {day.neighbours, day.everyone})
      norms_.note_today(host_trait(scope, kind, thing), day.day, day.host);
  };
  among(HostTrait::present, 0);
  if (!has_any_port(day)) {
    for (const auto& [hash, talk] : day.services.entries()) among(HostTrait::service, hash);
  }
  if (!resolves_itself(day)) {
    for (const auto& [hash, talk] : day.resolvers.entries()) among(HostTrait::resolver, resolver_thing(talk));
  }
  for (const auto& [hash, contact] : day.contacts.entries()) {
    if (period_of(contact)) among(HostTrait::periodic, network_thing(contact.remote, facts));
  }
  for (const auto& [hash, talk] : day.bulk.entries())
    among(HostTrait::bulk, network_thing(talk.remote, facts));
}

void HostLearner::judge(Open& open, const Facts& facts, PartitionOutput& out) const {
  open.touched = false;
  const HostDay& day = *open.day;
  const TimeMs start = TimeMs{day.day} * day_ms;
  const Judging judging{{start, start + day_ms}, day.account, day.region, facts};
  std::vector<std::pair<std::uint64_t, Detection>> said;
  for (const std::uint16_t detector : judges_) {
    DayEmit emit(detectors_, detector, day, said);
    detectors_[detector]->logic.host_day(day, norms_, judging, emit);
  }
  if (said.empty() && open.told.empty()) return;
  std::vector<std::uint64_t> told;
  for (auto& [window, detection] : said) {
    told.push_back(window);
    out.windows.emplace_back(window, std::move(detection));
  }
  std::sort(told.begin(), told.end());
  told.erase(std::unique(told.begin(), told.end()), told.end());
  std::set_difference(open.told.begin(), open.told.end(), told.begin(), told.end(),
                      std::back_inserter(out.withdrawn));
  open.told = std::move(told);
}

void HostLearner::learn(std::int32_t number, const OpenDays& hosts, const Facts& facts) {
  // What began on this day shows only before any of it is learned.
  std::vector<HostNorms::Trait> began;
  for (const auto& [host, open] : hosts) {
    const HostDay& day = *open.day;
    if (!open.told.empty() || has_any_port(day)) continue;
    for (const std::uint64_t scope : {day.host, day.neighbours, day.everyone}) {
      bool any = false;
      for (const auto& [service, talk] : day.services.entries()) {
        if (norms_.days(host_trait(scope, HostTrait::service, service), day.day) > 0) continue;
        any = true;
        if (scope == day.host) began.push_back(host_trait(day.everyone, HostTrait::taken_up, service));
      }
      if (any) began.push_back(host_trait(scope, HostTrait::began_service, 0));
    }
  }
  for (const HostNorms::Trait trait : began) norms_.learn(trait, number);
  for (const auto& [host, open] : hosts) learn(*open.day, !open.told.empty(), facts);
}

// On a day with a finding nothing new is learned, nor how much: an intruder's first use shall not make the
// second one usual.
void HostLearner::learn(const HostDay& day, bool suspect, const Facts& facts) {
  const auto learn = [&](HostTrait kind, std::uint64_t thing, std::uint64_t amount = 0) {
    const HostNorms::Trait own = host_trait(day.host, kind, thing);
    if (suspect && kind != HostTrait::present && (amount > 0 || norms_.days(own, day.day) == 0)) {
      const HostNorms::Trait suspected = host_trait(day.host, HostTrait::suspected, own);
      norms_.learn(suspected, day.day);
      if (norms_.days(suspected, day.day) < suspected_days_max) return false;
    }
    for (const std::uint64_t scope : {day.host, day.neighbours, day.everyone})
      norms_.learn(host_trait(scope, kind, thing), day.day, amount);
    const HostNorms::Trait shared = host_trait(day.everyone, kind, thing);
    if (norms_.hosts_today(shared, day.day) >= many_hosts)
      norms_.learn(host_trait(day.everyone, HostTrait::many, shared), day.day);
    return true;
  };
  learn(HostTrait::present, 0);
  if (!has_any_port(day)) {
    for (const auto& [hash, talk] : day.services.entries()) {
      if (learn(HostTrait::service, hash))
        norms_.learn(host_trait(day.everyone, HostTrait::service_peer, service_peer_thing(talk)), day.day);
    }
  }
  if (const std::uint64_t servers = most_mail_servers_in_an_hour(day); servers > 0)
    learn(HostTrait::mail, 0, servers);
  if (!resolves_itself(day)) {
    for (const auto& [hash, talk] : day.resolvers.entries()) learn(HostTrait::resolver, resolver_thing(talk));
  }
  for (const auto& [hash, contact] : day.contacts.entries()) {
    if (period_of(contact)) learn(HostTrait::periodic, network_thing(contact.remote, facts));
  }
  std::uint64_t most = 0;
  for (const auto& [hash, talk] : day.bulk.entries()) {
    learn(HostTrait::bulk, network_thing(talk.remote, facts), talk.bytes_out / bulk_unit);
    most = std::max(most, talk.bytes_out);
  }
  if (!suspect) norms_.learn_volume(day.host, day.day, most);
}

// Of the account that takes most the oldest days go first.
void HostLearner::evict(PartitionOutput& out) {
  if (bytes_ <= bytes_max) return;
  std::map<std::string_view, std::size_t> by_account;
  for (const auto& [number, hosts] : open_) {
    for (const auto& [host, open] : hosts) by_account[open.day->account] += open.bytes;
  }
  struct Candidate {
    std::size_t account_bytes;
    std::string_view account;
    std::int32_t day;
    std::uint64_t host;
  };
  std::vector<Candidate> candidates;
  for (const auto& [number, hosts] : open_) {
    for (const auto& [host, open] : hosts)
      candidates.push_back({by_account[open.day->account], open.day->account, number, host});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.account_bytes != b.account_bytes) return a.account_bytes > b.account_bytes;
    return std::tie(a.account, a.day, a.host) < std::tie(b.account, b.day, b.host);
  });
  for (const Candidate& candidate : candidates) {
    if (bytes_ <= bytes_max) break;
    OpenDays& hosts = open_[candidate.day];
    const auto at = hosts.find(candidate.host);
    const TimeMs end = (TimeMs{candidate.day} + 1) * day_ms;
    for (const std::uint64_t window : at->second.told) out.settled.emplace_back(window, end);
    bytes_ -= at->second.bytes;
    ++evicted_.days;
    hosts.erase(at);
  }
}

std::size_t HostLearner::open_days() const {
  std::size_t count = 0;
  for (const auto& [day, hosts] : open_) count += hosts.size();
  return count;
}

void HostLearner::save(Writer& out) const {
  out(static_cast<std::uint32_t>(open_.size()));
  for (const auto& [day, hosts] : open_) {
    std::vector<std::uint64_t> order;
    for (const auto& [host, open] : hosts) order.push_back(host);
    std::sort(order.begin(), order.end());
    out(day, static_cast<std::uint32_t>(order.size()));
    for (const std::uint64_t host : order) {
      const Open& open = hosts.find(host)->second;
      out(*open.day, open.told);
    }
  }
  norms_.save(out);
  out(evicted_);
}

void HostLearner::load(Reader& in) {
  open_.clear();
  bytes_ = 0;
  std::uint32_t days = 0;
  in(days);
  for (std::uint32_t i = 0; i < days && !in.failed(); ++i) {
    std::int32_t number = 0;
    std::uint32_t count = 0;
    in(number, count);
    OpenDays& hosts = open_[number];
    for (std::uint32_t j = 0; j < count && !in.failed(); ++j) {
      auto day = std::make_unique<HostDay>();
      std::vector<std::uint64_t> told;
      in(*day, told);
      Open& open = hosts[day->host];
      if (day->day != number || open.day || !std::is_sorted(told.begin(), told.end())) return in.fail();
      open.bytes = static_cast<std::uint32_t>(day->bytes() + sizeof(Open));
      bytes_ += open.bytes;
      open.day = std::move(day);
      open.told = std::move(told);
    }
  }
  norms_.load(in);
  in(evicted_);
}

}  // namespace picket
