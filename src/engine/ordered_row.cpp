#include "engine/ordered_row.h"

#include <tuple>

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

// The texts of a call that its subject is made of (subject_of, principal_of): first those the state sees.
template <class Event, class Visit>
void each_text_seen(Event& event, Visit visit) {
  for (auto* text : {&event.event_name, &event.user_agent, &event.user_identity.access_key_id}) visit(*text);
}
template <class Event, class Visit>
void each_other_text(Event& event, Visit visit) {
  auto& identity = event.user_identity;
  for (auto* text :
       {&event.event_source, &event.event_type, &event.aws_region, &event.source_ip_address,
        &event.error_code, &event.recipient_account_id, &identity.type, &identity.principal_id, &identity.arn,
        &identity.account_id, &identity.user_name, &identity.invoked_by, &identity.identity_provider,
        &identity.on_behalf_of_user_id, &identity.credential_id, &identity.federated_provider,
        &identity.session_issuer.arn, &identity.session_issuer.user_name}) {
    visit(*text);
  }
}

void put(Writer& out, const CloudTrailEvent& event) {
  const auto put_text = [&](std::string_view text) { put(out, text); };
  out(event.source_ip);
  each_text_seen(event, put_text);
  each_other_text(event, put_text);
  put(out, event.resources.text());
  // Parameters are long; subject_of looks for the bucket in those of S3.
  put(out, event.event_source == "s3.amazonaws.com" ? event.request_parameters.text() : std::string_view{});
  out(event.read_only);
}

CloudTrailEvent get_seen(Reader& in) {
  CloudTrailEvent event;
  in(event.source_ip);
  each_text_seen(event, [&](std::string_view& text) { text = get(in); });
  return event;
}

CloudTrailEvent get_call(Reader& in) {
  CloudTrailEvent event = get_seen(in);
  each_other_text(event, [&](std::string_view& text) { text = get(in); });
  event.resources = RawJson(get(in));
  event.request_parameters = RawJson(get(in));
  in(event.read_only);
  return event;
}

// Of a query likewise.
template <class Query, class Visit>
void each_text(Query& query, Visit visit) {
  for (auto* text : {&query.account_id, &query.region, &query.vpc_id, &query.query_name, &query.transport,
                     &query.firewall_rule_action, &query.instance, &query.resolver_network_interface})
    visit(*text);
}

void put(Writer& out, const DnsQuery& query) {
  out(query.srcaddr);
  each_text(query, [&](std::string_view text) { put(out, text); });
}

DnsQuery get_query(Reader& in) {
  DnsQuery query;
  in(query.srcaddr);
  each_text(query, [&](std::string_view& text) { text = get(in); });
  return query;
}

// What comes before the record's members.
struct Head {
  std::string_view entity, account, region;
  std::uint8_t type = 0;
  std::uint8_t signal = 0;
  std::optional<double> severity;
  NamedValues evidence;
  std::vector<IntelEvidence> intel;
  LogKind log = LogKind::cloudtrail;
};

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

void get_head(Reader& in, Head& head) {
  head.entity = get(in);
  head.account = get(in);
  head.region = get(in);
  in(head.type, head.signal, head.severity);
  get_evidence(in, head.evidence);
  in(head.intel, head.log);
}

std::string pack(const Head& head, const auto& put_record) {
  thread_local std::string packed;
  packed.clear();
  Writer out(packed);
  put(out, head.entity);
  put(out, head.account);
  put(out, head.region);
  out(head.type, head.signal, head.severity, static_cast<std::uint32_t>(head.evidence.size()));
  for (const auto& [name, value] : head.evidence) {
    put(out, name);
    put(out, value);
  }
  out(head.intel, head.log);
  put_record(out);
  return packed;  // a copy without the room that growing left
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

}  // namespace

OrderedRow::OrderedRow(std::uint16_t index, const Detector& detector, Evidence evidence,
                       const CloudTrailEvent& event, const ProofRecord& record,
                       std::span<const IntelHit> hits, const ObjectInfo& object)
    : record_(record), detector_(index) {
  const std::string entity = entity_of(event, evidence.values, detector.entity);
  const std::string_view account = or_else(event.recipient_account_id, event.user_identity.account_id);
  packed_ = pack({entity, or_else(account, object.account), or_else(event.aws_region, object.region),
                  evidence.type, evidence.signal, severity_said(evidence, detector),
                  std::move(evidence.values), intel_evidence(hits), LogKind::cloudtrail},
                 [&](Writer& out) { put(out, event); });
}

OrderedRow::OrderedRow(std::uint16_t index, const Detector& detector, Evidence evidence,
                       const DnsQuery& query, const ProofRecord& record, std::span<const IntelHit> hits,
                       const ObjectInfo& object)
    : record_(record), detector_(index) {
  const std::string entity = entity_of(query, evidence.values, detector.entity);
  packed_ = pack({entity, or_else(query.account_id, object.account), or_else(query.region, object.region),
                  evidence.type, evidence.signal, severity_said(evidence, detector),
                  std::move(evidence.values), intel_evidence(hits), LogKind::dns},
                 [&](Writer& out) { put(out, query); });
}

OrderedRow::OrderedRow(std::uint16_t index, const Detector& detector, Evidence evidence,
                       const Subject& subject, const ProofRecord& record, std::span<const IntelHit> hits,
                       const ObjectInfo& object)
    : record_(record), detector_(index) {
  const std::string entity = issue_value(subject, evidence.values, detector.entity);
  packed_ = pack({entity, or_else(subject.account, object.account), or_else(subject.region, object.region),
                  evidence.type, evidence.signal, severity_said(evidence, detector),
                  std::move(evidence.values), intel_evidence(hits), detector.when.front().log},
                 [&](Writer& out) { out(subject); });
}

std::string_view OrderedRow::entity() const {
  Reader in(packed_);
  return get(in);
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
  Reader in(packed_);
  Head head;
  get_head(in, head);
  Subject subject;
  if (head.log == LogKind::cloudtrail) {
    get_call(in);
  } else if (head.log == LogKind::dns) {
    get_query(in);
  } else {
    in(subject);
  }
  return in.at_end() && !in.failed() && head.type < detector.types.size() && head.signal <= 1;
}

const Candidate& OrderedRow::candidate(const Detector& detector, Candidate& room) const {
  Reader in(packed_);
  thread_local Head head;
  std::swap(head.evidence, room.evidence);
  std::swap(head.intel, room.intel);
  get_head(in, head);
  std::swap(head.evidence, room.evidence);
  std::swap(head.intel, room.intel);
  room.detector = detector_;
  room.type = head.type;
  room.signal = head.signal != 0;
  room.severity = head.severity.value_or(number_of(detector.types[head.type].severity));
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
  const CloudTrailEvent event = get_seen(in);
  if (event.source_ip && event.source_ip->is_public()) subject.remote_ip = event.source_ip;
  if (!subject.access_key) subject.access_key.emplace();
  subject.access_key->access_key_id = event.user_identity.access_key_id;
  if (!subject.api_call) subject.api_call.emplace();
  subject.api_call->api = api_name(event.event_name);
  subject.api_call->user_agent = event.user_agent;
  return room;
}

Detection OrderedRow::raised(Candidate candidate, const Detector& detector) const {
  Reader in(packed_);
  Head head;
  get_head(in, head);
  Subject whole;
  if (head.log == LogKind::cloudtrail) {
    whole = subject_of(get_call(in), ResourceKind::access_key);
    whole.api_call->remote_account_id = std::move(candidate.subject.api_call->remote_account_id);
    whole.api_call->remote_account_affiliated = candidate.subject.api_call->remote_account_affiliated;
  } else if (head.log == LogKind::dns) {
    whole = subject_of(get_query(in));
  } else {
    in(whole);
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
