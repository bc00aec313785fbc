// The Detector type: data that says which records a detector wants, what makes repeats one finding,
// and the function or small class that judges. One literal per finding family; `catalog.def` lists them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/evidence.h"
#include "engine/gap.h"
#include "engine/window.h"
#include "event/audit_event.h"
#include "event/cloudtrail_event.h"
#include "event/dns_query.h"
#include "event/flow_record.h"
#include "event/kind.h"
#include "event/principal.h"
#include "finding/severity.h"
#include "state/facts.h"

namespace picket {

struct Mitre {
  std::string_view tactic, technique;  // ATT&CK ids: "TA0005", "T1562.008"
};

// Whose finding type it is: GuardDuty's, one that only picket raises, or that of a user's rule.
enum class Origin : std::uint8_t { guardduty, picket, rule };
constexpr std::string_view name_of(Origin origin) {
  return origin == Origin::guardduty ? "guardduty" : origin == Origin::picket ? "picket" : "rule";
}

struct FindingType {
  std::string_view name;  // "Stealth:IAMUser/CloudTrailLoggingDisabled"
  Severity severity = Severity::medium;
  Mitre mitre;
  // resource.resourceType when it is not what the log implies (CloudTrail access key, flow and DNS instance,
  // audit EKS cluster); S3-plan types fed by data events name s3_bucket.
  std::optional<ResourceKind> resource;
  ResourceRole role = ResourceRole::target;
  std::optional<ActionKind> action;  // when it is not what the log implies
  Origin origin = Origin::guardduty;
  // About an identity that belongs to no Region: one finding an account, in the Region where global services'
  // records are.
  bool global = false;
  // Title and description: who, what, where, in our own words. {principal}, {host}, {remote_ip}, {api},
  // {bucket}, {domain}, {cluster}, {workload}, {remote_port}, {local_port} and names of evidence are
  // replaced.
  std::string_view title, description;
};

// ---- when: the engine's index -----------------------------------------------------------------

struct Trigger {
  LogKind log = LogKind::cloudtrail;
  // CloudTrail: calls of this service with one of these names (version suffix stripped); both empty = every
  // call.
  std::string_view event_source;
  std::vector<std::string_view> event_names;
  // Only records whose outside address (CloudTrail, flow) or domain (DNS) is listed, not trusted, in one of
  // these categories; empty and `listed` = any category.
  bool listed = false;
  std::vector<std::string_view> categories;
  // Audit: one of these verbs on one of these resources ("pods/exec" with subresource); empty = all.
  std::vector<std::string_view> verbs, resources;
  // Whole objects instead of records.
  bool objects = false;
  // A rule: the engine's RecordMatcher tells which records.
  bool matched = false;
  // An attack sequence: no records, but the signals of an actor.
  bool signals = false;
  // What principals do, against what is normal for them.
  bool behaviours = false;
  // No records, but that they are missing, late or not what they claim to be (engine/visibility.h).
  std::optional<GapKind> gap = {};
};

// What is known of an object when it was read to its end.
struct ObjectSeen {
  std::string_view key;
  std::uint64_t records_read = 0;
  // CloudTrail's own delivery: position of the first record behind the first gzip member, which no digest
  // covers; 0 when there is none.
  std::uint64_t first_unverified_position = 0;
};

inline Trigger calls(std::string_view event_source, std::vector<std::string_view> event_names) {
  return {.log = LogKind::cloudtrail, .event_source = event_source, .event_names = std::move(event_names)};
}
inline Trigger any_call() { return {.log = LogKind::cloudtrail}; }
// CloudTrail log objects, each once it was read.
inline Trigger cloudtrail_objects() { return {.log = LogKind::cloudtrail, .objects = true}; }
// Calls from an address in threat intelligence.
inline Trigger listed_caller(std::vector<std::string_view> categories) {
  return {.log = LogKind::cloudtrail, .listed = true, .categories = std::move(categories)};
}
inline Trigger gaps(GapKind kind) { return {.gap = kind}; }
inline Trigger flows() { return {.log = LogKind::vpcflow}; }
// Flow records whose public peer is listed.
inline Trigger listed_peer(std::vector<std::string_view> categories) {
  return {.log = LogKind::vpcflow, .listed = true, .categories = std::move(categories)};
}
inline Trigger queries() { return {.log = LogKind::dns}; }
// Queries for a listed domain or a subdomain of one.
inline Trigger listed_domain(std::vector<std::string_view> categories) {
  return {.log = LogKind::dns, .listed = true, .categories = std::move(categories)};
}
inline Trigger audit(std::vector<std::string_view> verbs, std::vector<std::string_view> resources) {
  return {.log = LogKind::k8saudit, .verbs = std::move(verbs), .resources = std::move(resources)};
}
// What an actor did within a day, of every log that names one (engine/sequences.h).
inline Trigger signals() { return {.log = LogKind::cloudtrail, .signals = true}; }
// Behaviours of principals in a log, as they are learned (engine/learned.h).
inline Trigger behaviours(LogKind log) { return {.log = log, .behaviours = true}; }
// Kubernetes requests from a listed address.
inline Trigger listed_requester(std::vector<std::string_view> categories) {
  return {.log = LogKind::k8saudit, .listed = true, .categories = std::move(categories)};
}

// ---- issue: which detections are one finding ---------------------------------------------------

enum class IssueKind : std::uint8_t {
  principal,
  access_key,
  remote_ip,
  host,
  bucket,
  api,
  service,
  domain,
  remote_port,
  local_port,
  cluster,
  kubernetes_user,
  kubernetes_namespace,
  workload,
  account,
  evidence
};
struct IssueKey {
  IssueKind kind;
  std::string_view name;  // of the evidence
  bool operator==(const IssueKey&) const = default;
};
namespace key {
constexpr IssueKey principal{IssueKind::principal, {}};
constexpr IssueKey access_key{IssueKind::access_key, {}};
constexpr IssueKey remote_ip{IssueKind::remote_ip, {}};
constexpr IssueKey host{IssueKind::host, {}};  // instance, else interface, else address
constexpr IssueKey bucket{IssueKind::bucket, {}};
constexpr IssueKey api{IssueKind::api, {}};
constexpr IssueKey service{IssueKind::service, {}};
constexpr IssueKey domain{IssueKind::domain, {}};
constexpr IssueKey remote_port{IssueKind::remote_port, {}};
constexpr IssueKey local_port{IssueKind::local_port, {}};
constexpr IssueKey cluster{IssueKind::cluster, {}};
constexpr IssueKey kubernetes_user{IssueKind::kubernetes_user, {}};
constexpr IssueKey kubernetes_namespace{IssueKind::kubernetes_namespace, {}};
constexpr IssueKey workload{IssueKind::workload, {}};
constexpr IssueKey account{IssueKind::account, {}};
constexpr IssueKey evidence(std::string_view name) { return {IssueKind::evidence, name}; }
}  // namespace key

// ---- logic: the order classes -------------------------------------------------------------------

// A row as its state sees it: evidence, time, id, account, Region, and of a call the remote address, access
// key id, API and user agent. The rest is filled in when it is raised: few are.
using Candidate = Detection;

// State of one entity of an ordered detector; rows come by (event time, record id).
class OrderedState {
 public:
  virtual ~OrderedState() = default;
  // Raises `row`, possibly changed, by returning it. Facts are as of any time up to the watermark.
  virtual std::optional<Candidate> step(const Candidate& row, const Facts& facts) = 0;
  // Nothing before `watermark` matters any more: the engine forgets the state.
  virtual bool is_spent(TimeMs /*watermark*/) const { return false; }
  // What it forgot for want of room since it was last asked.
  virtual std::uint64_t take_evicted() { return 0; }
  virtual void save(Writer& out) = 0;
  virtual void load(Reader& in) = 0;
};

struct ActorSignals;  // engine/actor_signals.h
class Outlook;        // engine/actor_signals.h
struct HostDay;       // engine/host_day.h
class HostNorms;      // state/host_norms.h
struct Incident;      // engine/learned.h

struct Logic {
  // each: one record decides. Exactly one of these is set for an each or ordered detector.
  std::optional<Evidence> (*cloudtrail)(const CloudTrailEvent&, const Context&) = nullptr;
  std::optional<Evidence> (*flow)(const FlowRecord&, const Context&) = nullptr;
  std::optional<Evidence> (*dns)(const DnsQuery&, const Context&) = nullptr;
  std::optional<Evidence> (*audit)(const AuditEvent&, const Context&) = nullptr;
  std::optional<Evidence> (*object)(const ObjectSeen&, const Context&) = nullptr;
  // visibility: whether what is missing is worth a finding.
  std::optional<Evidence> (*gap)(const Gap&) = nullptr;
  // window and bucket
  std::shared_ptr<const WindowLogic> window;
  // learned: what in a host's day is unlike the days before, its own, its neighbours' and its account's.
  void (*host_day)(const HostDay&, const HostNorms&, const Judging&, Emit&) = nullptr;
  // attack sequence: whether an actor's signals are one.
  std::optional<Evidence> (*sequence)(const ActorSignals&) = nullptr;
  // What signals must come to at least, told without a look at each; null: nothing.
  bool (*may_be_sequence)(const Outlook&) = nullptr;
  // learned: whether what a principal did within hours is unlike anything that is normal.
  std::optional<Evidence> (*incident)(const Incident&) = nullptr;
  // ordered: the function above selects, this makes the state that judges.
  std::function<std::unique_ptr<OrderedState>()> ordered;
};

inline Logic each(std::optional<Evidence> (*judge)(const CloudTrailEvent&, const Context&)) {
  return {.cloudtrail = judge};
}
inline Logic each(std::optional<Evidence> (*judge)(const FlowRecord&, const Context&)) {
  return {.flow = judge};
}
inline Logic each(std::optional<Evidence> (*judge)(const DnsQuery&, const Context&)) {
  return {.dns = judge};
}
inline Logic each(std::optional<Evidence> (*judge)(const AuditEvent&, const Context&)) {
  return {.audit = judge};
}
inline Logic each(std::optional<Evidence> (*judge)(const ObjectSeen&, const Context&)) {
  return {.object = judge};
}

inline Logic each(std::optional<Evidence> (*judge)(const Gap&)) { return {.gap = judge}; }

// Flow records only (engine/host_learner.h). May tell several detections, of different issues.
inline Logic learned(void (*judge)(const HostDay&, const HostNorms&, const Judging&, Emit&)) {
  return {.host_day = judge};
}

inline Logic sequence(std::optional<Evidence> (*judge)(const ActorSignals&),
                      bool (*may_be)(const Outlook&) = nullptr) {
  return {.sequence = judge, .may_be_sequence = may_be};
}
inline Logic learned(std::optional<Evidence> (*judge)(const Incident&)) { return {.incident = judge}; }

template <class State>
Logic window(WindowOptions options) {
  static_assert(!window_detail::HasBaseline<State>, "a state with a Baseline is a bucket");
  return {.window = std::make_shared<window_detail::Logic<State>>(options)};
}
// Hourly unless said otherwise: judged against the baseline frozen two buckets back.
template <class State>
Logic bucket(WindowOptions options) {
  static_assert(window_detail::HasBaseline<State>, "a bucket needs a Baseline");
  return {.window = std::make_shared<window_detail::Logic<State>>(options)};
}

namespace detail {
template <class State>
struct OrderedHolder final : OrderedState {
  State state;
  std::optional<Candidate> step(const Candidate& row, const Facts& facts) override {
    return state.step(row, facts);
  }
  std::uint64_t take_evicted() override {
    if constexpr (requires { state.take_evicted(); }) return state.take_evicted();
    return 0;
  }
  void save(Writer& out) override { out(state); }
  void load(Reader& in) override { in(state); }
};
}  // namespace detail

// `select` picks the rows and their evidence; State::step(row, facts) judges them in order at the watermark.
template <class State, class Event>
Logic ordered(std::optional<Evidence> (*select)(const Event&, const Context&)) {
  Logic logic = each(select);
  logic.ordered = [] { return std::make_unique<detail::OrderedHolder<State>>(); };
  return logic;
}

struct Detector {
  std::string_view name = {};  // set by the catalog: the literal's own name
  std::vector<FindingType> types;
  std::string_view summary;
  std::vector<Trigger> when;
  std::vector<IssueKey> issue;
  // Ordered detectors: what their state belongs to. (Windows name it themselves.)
  IssueKey entity = key::principal;
  Logic logic;
  // A last look with the facts of the detection's time, before it counts: may change the type (an index of
  // `types`), set the severity and add evidence; false when the detection does not stand.
  bool (*with_facts)(Detection&, const Facts&) = nullptr;
  // What it cannot see, a sentence for the reference.
  std::string_view blind_spots = {};
  // Raised when the form of its state (or of its evidence that waits) changes; of a rule a hash of what it
  // says. State of another version starts empty.
  std::uint64_t version = 0;
};

}  // namespace picket
