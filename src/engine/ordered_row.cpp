#include "engine/ordered_row.h"

#include <tuple>

#include "base/hash.h"
#include "engine/subject.h"
#include "event/principal.h"

namespace picket {

namespace {

// A length below 255 takes a byte, others five.
constexpr std::uint8_t longer = 255;

void put(Writer& out, std::string_view text) {
  if (text.size() < longer) {
    out(static_cast<std::uint8_t>(text.size()));
  } else {
    out(longer, static_cast<std::uint32_t>(text.size()));
  }
  out.bytes(text.data(), text.size());
}

// The text stays where it is: valid as long as the packed bytes.
std::string_view get(Reader& in) {
  std::uint8_t shorter = 0;
  in(shorter);
  std::uint32_t size = shorter;
  if (shorter == longer) in(size);
  return in.bytes(size);
}

// The texts of a call that its subject is made of (subject_of, principal_of): those that calls of one session
// have in common, first what the state sees of them, and the call's own, likewise.
template <class Event, class Visit>
void each_common_text(Event& event, Visit visit) {
  auto& identity = event.user_identity;
  for (auto* text :
       {&event.user_agent, &identity.access_key_id, &event.event_type, &event.source_ip_address,
        &event.recipient_account_id, &identity.type, &identity.principal_id, &identity.arn,
        &identity.account_id, &identity.user_name, &identity.invoked_by, &identity.identity_provider,
        &identity.on_behalf_of_user_id, &identity.credential_id, &identity.federated_provider,
        &identity.session_issuer.arn, &identity.session_issuer.user_name, &event.aws_region}) {
    visit(*text);
  }
}
template <class Event, class Visit>
void each_own_text(Event& event, Visit visit) {
  for (auto* text : {&event.event_name, &event.event_source, &event.error_code}) visit(*text);
}

void put_common(Writer& out, const CloudTrailEvent& event) {
  out(event.source_ip);
  each_common_text(event, [&](std::string_view text) { put(out, text); });
}

void put_own(Writer& out, const CloudTrailEvent& event) {
  each_own_text(event, [&](std::string_view text) { put(out, text); });
  put(out, event.resources.text());
  // Parameters are long; subject_of looks for the bucket in those of S3.
  put(out, event.event_source == "s3.amazonaws.com" ? event.request_parameters.text() : std::string_view{});
  out(event.read_only);
}

// What the state sees of a call.
struct CallSeen {
  std::optional<IpAddress> source_ip;
  std::string_view user_agent, access_key_id, event_name;
};

CallSeen get_seen(Reader& common, Reader& own) {
  CallSeen seen;
  common(seen.source_ip);
  seen.user_agent = get(common);
  seen.access_key_id = get(common);
  seen.event_name = get(own);
  return seen;
}

CloudTrailEvent get_call(Reader& common, Reader& own) {
  CloudTrailEvent event;
  common(event.source_ip);
  each_common_text(event, [&](std::string_view& text) { text = get(common); });
  each_own_text(event, [&](std::string_view& text) { text = get(own); });
  event.resources = RawJson(get(own));
  event.request_parameters = RawJson(get(own));
  own(event.read_only);
  return event;
}

// Of a query likewise.
template <class Query, class Visit>
void each_common_text_of_query(Query& query, Visit visit) {
  for (auto* text : {&query.account_id, &query.region, &query.vpc_id, &query.transport, &query.instance,
                     &query.resolver_network_interface})
    visit(*text);
}

void put_common(Writer& out, const DnsQuery& query) {
  out(query.srcaddr);
  each_common_text_of_query(query, [&](std::string_view text) { put(out, text); });
}

void put_own(Writer& out, const DnsQuery& query) {
  put(out, query.query_name);
  put(out, query.firewall_rule_action);
}

DnsQuery get_query(Reader& common, Reader& own) {
  DnsQuery query;
  common(query.srcaddr);
  each_common_text_of_query(query, [&](std::string_view& text) { text = get(common); });
  query.query_name = get(own);
  query.firewall_rule_action = get(own);
  return query;
}

// Of a record of another kind nothing but what stands before the members.
void put_common(Writer&, const Subject&) {}
void put_own(Writer& out, const Subject& subject) { out(subject); }

// What comes before the record's members: in common, and of its own.
struct CommonHead {
  std::string_view entity, account, region;
  LogKind log = LogKind::cloudtrail;
};
struct OwnHead {
  std::uint8_t type = 0;
  std::uint8_t signal = 0;
  std::optional<double> severity;
  NamedValues evidence;
  std::vector<IntelEvidence> intel;
};

CommonHead get_common_head(Reader& in) {
  CommonHead head;
  head.entity = get(in);
  head.account = get(in);
  head.region = get(in);
  in(head.log);
  return head;
}

// Into the evidence's own memory: rows of one detector have values of the same names.
void get_evidence(Reader& in, NamedValues& evidence) {
  std::uint32_t size = 0;
  in(size);
  std::size_t known = 0;
  for (; known < size && !in.failed(); ++known) {
    if (known == evidence.size()) evidence.emplace_back();
    auto& [name, value] = evidence[known];
    name = get(in);
    value = get(in);
  }
  evidence.resize(known);
}

void get_own_head(Reader& in, OwnHead& head) {
  in(head.type, head.signal, head.severity);
  get_evidence(in, head.evidence);
  in(head.intel);
}

std::string entity_of(const CloudTrailEvent& event, const NamedValues& evidence, const IssueKey& key) {
  if (key.kind == IssueKind::principal) return principal_of(event).key;
  if (key.kind == IssueKind::evidence) return issue_value({}, evidence, key);
  return issue_value(subject_of(event, ResourceKind::access_key), evidence, key);
}

std::string entity_of(const DnsQuery& query, const NamedValues& evidence, const IssueKey& key) {
  if (key.kind == IssueKind::account) return std::string(query.account_id);
  return issue_value(subject_of(query), evidence, key);
}

std::string_view or_else(std::string_view text, std::string_view other) {
  return text.empty() ? other : text;
}

// Nothing where the type's own is meant.
std::optional<double> severity_said(const Evidence& evidence, const Detector& detector) {
  if (!evidence.severity_max) return evidence.severity;
  return evidence.severity_of(number_of(detector.types[evidence.type].severity));
}

// The bytes that `put` writes, until the next call.
std::string_view packed(const auto& put) {
  thread_local std::string bytes;
  bytes.clear();
  Writer out(bytes);
  put(out);
  return bytes;
}

template <class Record>
Shared<std::string> pack_common(const CommonHead& head, const Record& record, RowTexts& texts) {
  return texts.keep(packed([&](Writer& out) {
    put(out, head.entity);
    put(out, head.account);
    put(out, head.region);
    out(head.log);
    put_common(out, record);
  }));
}

template <class Record>
std::string pack_own(const Evidence& evidence, const Detector& detector, std::span<const IntelHit> hits,
                     const Record& record) {
  return std::string(packed([&](Writer& out) {
    out(evidence.type, static_cast<std::uint8_t>(evidence.signal), severity_said(evidence, detector),
        static_cast<std::uint32_t>(evidence.values.size()));
    for (const auto& [name, value] : evidence.values) {
      put(out, name);
      put(out, value);
    }
    out(intel_evidence(hits));
    put_own(out, record);
  }));
}

}  // namespace

Shared<std::string> RowTexts::keep(std::string_view text) {
  const auto [at, fresh] = known_.try_emplace(hash64(text));
  if (fresh || *at->second != text) at->second = Shared(std::string(text));
  return at->second;
}

OrderedRow::OrderedRow(std::uint16_t index, const Detector& detector, const Evidence& evidence,
                       const CloudTrailEvent& event, const ProofRecord& record,
                       std::span<const IntelHit> hits, const ObjectInfo& object, RowTexts& texts)
    : record_(record), detector_(index) {
  const std::string entity = entity_of(event, evidence.values, detector.entity);
  const std::string_view account = or_else(event.recipient_account_id, event.user_identity.account_id);
  common_ = pack_common({entity, or_else(account, object.account), or_else(event.aws_region, object.region),
                         LogKind::cloudtrail},
                        event, texts);
  packed_ = pack_own(evidence, detector, hits, event);
}

OrderedRow::OrderedRow(std::uint16_t index, const Detector& detector, const Evidence& evidence,
                       const DnsQuery& query, const ProofRecord& record, std::span<const IntelHit> hits,
                       const ObjectInfo& object, RowTexts& texts)
    : record_(record), detector_(index) {
  const std::string entity = entity_of(query, evidence.values, detector.entity);
  common_ = pack_common(
      {entity, or_else(query.account_id, object.account), or_else(query.region, object.region), LogKind::dns},
      query, texts);
  packed_ = pack_own(evidence, detector, hits, query);
}

OrderedRow::OrderedRow(std::uint16_t index, const Detector& detector, const Evidence& evidence,
                       const Subject& subject, const ProofRecord& record, std::span<const IntelHit> hits,
                       const ObjectInfo& object, RowTexts& texts)
    : record_(record), detector_(index) {
  const std::string entity = issue_value(subject, evidence.values, detector.entity);
  common_ = pack_common({entity, or_else(subject.account, object.account),
                         or_else(subject.region, object.region), detector.when.front().log},
                        subject, texts);
  packed_ = pack_own(evidence, detector, hits, subject);
}

std::string_view OrderedRow::entity() const {
  Reader common(*common_);
  return get(common);
}

bool OrderedRow::before(const OrderedRow& a, const OrderedRow& b) {
  const ProofRecord &of_a = a.record_, &of_b = b.record_;
  return std::tie(of_a.time, of_a.event_id, a.detector_, of_a.object, of_a.position) <
         std::tie(of_b.time, of_b.event_id, b.detector_, of_b.object, of_b.position);
}

bool OrderedRow::same_record(const OrderedRow& a, const OrderedRow& b) {
  return a.record_.time == b.record_.time && a.detector_ == b.detector_ &&
         a.record_.event_id == b.record_.event_id;
}

bool OrderedRow::whole(const Detector& detector) const {
  if (!common_) return false;
  Reader common(*common_), own(packed_);
  const CommonHead head = get_common_head(common);
  OwnHead said;
  get_own_head(own, said);
  Subject subject;
  if (head.log == LogKind::cloudtrail) {
    get_call(common, own);
  } else if (head.log == LogKind::dns) {
    get_query(common, own);
  } else {
    own(subject);
  }
  return common.at_end() && own.at_end() && !common.failed() && !own.failed() &&
         said.type < detector.types.size() && said.signal <= 1;
}

const Candidate& OrderedRow::candidate(const Detector& detector, Candidate& room) const {
  Reader common(*common_), own(packed_);
  const CommonHead head = get_common_head(common);
  thread_local OwnHead said;
  std::swap(said.evidence, room.evidence);
  std::swap(said.intel, room.intel);
  get_own_head(own, said);
  std::swap(said.evidence, room.evidence);
  std::swap(said.intel, room.intel);
  room.detector = detector_;
  room.type = said.type;
  room.signal = said.signal != 0;
  room.severity = said.severity.value_or(number_of(detector.types[said.type].severity));
  room.count = records_;
  room.first = room.last = record_;
  Subject& subject = room.subject;
  subject.account = head.account;
  subject.region = head.region;
  subject.remote_ip.reset();
  if (head.log != LogKind::cloudtrail) {
    subject.access_key.reset();
    subject.api_call.reset();
    return room;
  }
  const CallSeen seen = get_seen(common, own);
  if (seen.source_ip && seen.source_ip->is_public()) subject.remote_ip = seen.source_ip;
  if (!subject.access_key) subject.access_key.emplace();
  subject.access_key->access_key_id = seen.access_key_id;
  if (!subject.api_call) subject.api_call.emplace();
  subject.api_call->api = api_name(seen.event_name);
  subject.api_call->user_agent = seen.user_agent;
  return room;
}

Detection OrderedRow::raised(Candidate candidate, const Detector& detector) const {
  Reader common(*common_), own(packed_);
  const CommonHead head = get_common_head(common);
  OwnHead said;
  get_own_head(own, said);
  Subject whole;
  if (head.log == LogKind::cloudtrail) {
    whole = subject_of(get_call(common, own), ResourceKind::access_key);
    whole.api_call->remote_account_id = std::move(candidate.subject.api_call->remote_account_id);
    whole.api_call->remote_account_affiliated = candidate.subject.api_call->remote_account_affiliated;
  } else if (head.log == LogKind::dns) {
    whole = subject_of(get_query(common, own));
  } else {
    own(whole);
  }
  whole.account = std::move(candidate.subject.account);
  whole.region = std::move(candidate.subject.region);
  candidate.subject = std::move(whole);
  const FindingType& type = detector.types[candidate.type];
  apply_type(type, candidate.subject);
  candidate.issue = issue_of(candidate.subject, candidate.evidence, detector.issue);
  return candidate;
}

}  // namespace picket
